package usage

import (
	"encoding/binary"
	"hash/crc32"
	"math"
	"net/netip"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// The form of reports that wait to be counted: a version, a checksum of what
// follows it (CRC-32C, four bytes), how many there are, and each one's fields in
// order. Numbers are varints, texts have their length before them, and an
// address is its bytes. A change of the form is another version; the old ones
// stay readable.
const (
	codecVersion = 1
	codecHeader  = 5 // version and checksum
	leastReport  = 23
)

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// EncodeReports writes reports so that [DecodeReports] returns the same. Times
// are kept to the microsecond.
func EncodeReports(reports []Report) []byte {
	b := make([]byte, codecHeader, 64+256*len(reports))
	b[0] = codecVersion
	b = binary.AppendUvarint(b, uint64(len(reports)))
	for i := range reports {
		b = appendReport(b, &reports[i])
	}
	binary.BigEndian.PutUint32(b[1:], crc32.Checksum(b[codecHeader:], castagnoli))
	return b
}

func appendReport(b []byte, r *Report) []byte {
	b = append(b, byte(r.Step))
	for _, n := range [...]int64{r.At.UnixMicro(), r.Seconds, r.In, r.Out, int64(r.Cause), r.Key.Charging} {
		b = binary.AppendVarint(b, n)
	}
	for _, text := range [...]string{r.Key.NAS, r.Key.ID, string(r.IMSI), string(r.MSISDN), string(r.IMEI), r.APN, r.User, r.RAT, r.MCC, r.MNC, r.LAI, r.CI} {
		b = append(binary.AppendUvarint(b, uint64(len(text))), text...)
	}
	b = append(binary.AppendUvarint(b, uint64(len(r.Class))), r.Class...)
	b = appendAddr(b, r.IP)
	b = appendAddr(b, r.Where.Addr())
	b = binary.AppendUvarint(b, uint64(r.Where.Port()))
	return appendAddr(b, r.Source)
}

// appendAddr writes the length of an address, its bytes, and its zone.
func appendAddr(b []byte, a netip.Addr) []byte {
	raw, _ := a.MarshalBinary() // never fails
	return append(append(b, byte(len(raw))), raw...)
}

// DecodeReports reads what EncodeReports has written. Anything else is refused
// with a fault of kind Internal: what is stored is damaged, or a newer program's.
func DecodeReports(b []byte) ([]Report, error) {
	if len(b) < codecHeader {
		return nil, damaged("%d bytes are no reports", len(b))
	}
	if b[0] != codecVersion {
		return nil, damaged("they are of version %d, this program knows %d", b[0], codecVersion)
	}
	if crc32.Checksum(b[codecHeader:], castagnoli) != binary.BigEndian.Uint32(b[1:]) {
		return nil, damaged("the checksum of %d bytes differs", len(b))
	}
	d := decoder{text: string(b[codecHeader:])}
	n := d.count()
	if n > uint64(len(d.text))/leastReport+1 {
		return nil, damaged("%d bytes cannot be %d reports", len(b), n)
	}
	out := make([]Report, n)
	for i := range out {
		d.report(&out[i])
	}
	if d.wrong || d.text != "" {
		return nil, damaged("%d bytes are not what %d reports take", len(b), n)
	}
	return out, nil
}

func damaged(format string, args ...any) error {
	return fault.New(fault.Internal, "usage.reports", "stored reports cannot be read: "+format, args...)
}

// decoder takes fields off a text; once one is wrong all further ones are zero.
type decoder struct {
	text  string
	wrong bool
}

func (d *decoder) report(r *Report) {
	r.Step = Step(d.byte())
	r.At = time.UnixMicro(d.number()).UTC()
	r.Seconds, r.In, r.Out = d.number(), d.number(), d.number()
	cause := d.number()
	d.wrong = d.wrong || cause < math.MinInt32 || cause > math.MaxInt32
	r.Cause, r.Key.Charging = int(cause), d.number()
	r.Key.NAS, r.Key.ID = d.string(), d.string()
	r.IMSI, r.MSISDN, r.IMEI = ident.IMSI(d.string()), ident.MSISDN(d.string()), ident.IMEI(d.string())
	r.APN, r.User, r.RAT, r.MCC, r.MNC, r.LAI, r.CI = d.string(), d.string(), d.string(), d.string(), d.string(), d.string(), d.string()
	if class := d.string(); class != "" {
		r.Class = []byte(class)
	}
	r.IP = d.addr()
	where, port := d.addr(), d.count()
	d.wrong = d.wrong || port > math.MaxUint16
	if where.IsValid() || port != 0 {
		r.Where = netip.AddrPortFrom(where, uint16(port))
	}
	r.Source = d.addr()
}

func (d *decoder) take(n uint64) string {
	if n > uint64(len(d.text)) {
		d.wrong, d.text = true, ""
		return ""
	}
	out := d.text[:n]
	d.text = d.text[n:]
	return out
}

func (d *decoder) byte() byte {
	if one := d.take(1); one != "" {
		return one[0]
	}
	return 0
}

func (d *decoder) string() string { return d.take(d.count()) }

// count reads an unsigned number, in its shortest form.
func (d *decoder) count() (n uint64) {
	for shift := 0; shift < 64; shift += 7 {
		b := d.byte()
		if shift == 63 && b > 1 || shift > 0 && b == 0 {
			break
		}
		n |= uint64(b&0x7f) << shift
		if b < 0x80 {
			return n
		}
	}
	d.wrong, d.text = true, ""
	return 0
}

// number reads a signed one.
func (d *decoder) number() int64 {
	n := d.count()
	return int64(n>>1) ^ -int64(n&1)
}

func (d *decoder) addr() (a netip.Addr) {
	raw := d.take(uint64(d.byte()))
	if raw != "" && a.UnmarshalBinary([]byte(raw)) != nil {
		d.wrong, d.text = true, ""
	}
	return a
}
