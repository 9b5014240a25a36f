package radius

import (
	"encoding/binary"
	"fmt"
	"io"
)

// radSecSecret is the shared secret inside TLS (RFC 6614 section 2.3).
var radSecSecret = []byte("radsec")

// readPacket reads one packet of a stream into buffer, which has MaxPacket
// octets: the length in its own header delimits it (RFC 6613 section 2.6.4). A
// stream on which a length is impossible cannot be read any further; that is
// ErrMalformed. At the end between two packets it answers [io.EOF].
func readPacket(r io.Reader, buffer []byte) ([]byte, error) {
	if _, err := io.ReadFull(r, buffer[:4]); err != nil {
		return nil, err
	}
	size := int(binary.BigEndian.Uint16(buffer[2:]))
	if size < MinPacket || size > MaxPacket {
		return nil, fmt.Errorf("%w: length %d on a stream", ErrMalformed, size)
	}
	if _, err := io.ReadFull(r, buffer[4:size]); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return nil, err
	}
	return buffer[:size], nil
}
