package radius

import (
	"io"
	"slices"
)

// ReadStream returns the packets of a stream up to its end or first fault.
func ReadStream(r io.Reader) [][]byte {
	var all [][]byte
	var buffer [MaxPacket]byte
	for {
		raw, err := readPacket(r, buffer[:])
		if err != nil {
			return all
		}
		all = append(all, slices.Clone(raw))
	}
}

// ReadPacket reads one packet of a stream.
var ReadPacket = readPacket
