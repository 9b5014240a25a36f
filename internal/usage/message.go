package usage

import (
	"strings"
	"time"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Message is one SMS of a SIM.
type Message struct {
	ID        int64 // grows with time
	SIM       int64
	ICCID     ident.ICCID
	At        time.Time
	Direction Direction
	Peer      string // the other side's number; empty for the platform
	Text      string
	Status    MessageStatus
	StatusAt  time.Time
	Parts     int    // that the text takes on the air
	Reference string // the network's name for it
	Actor     string // who sent it
}

// Direction is where a message goes.
type Direction string

// The directions.
const (
	ToDevice   Direction = "MT"
	FromDevice Direction = "MO"
)

// MessageStatus is how far a message has come. The texts are stored.
type MessageStatus string

// The statuses.
const (
	MessageQueued    MessageStatus = "QUEUED"
	MessageDelivered MessageStatus = "DELIVERED"
	MessageFailed    MessageStatus = "FAILED" // the network refused it for good
)

// MaxParts bounds how many messages on the air one text may take.
const MaxParts = 10

// gsm7 are the characters of the GSM 7 bit default alphabet (3GPP TS 23.038
// section 6.2.1); those of its extension table take two septets.
const (
	gsm7    = "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
	gsm7Ext = "\f^{}\\[~]|€"
)

// Sizes of a message alone, and of one part of several, which carries a header
// (3GPP TS 23.040 section 9.2.3.24.1).
const (
	septetsAlone, septetsPart = 160, 153
	unitsAlone, unitsPart     = 70, 67
)

// Parts returns how many messages a text takes on the air, or an Invalid fault
// that names field.
func Parts(field, text string) (int, error) {
	if text == "" {
		return 0, fault.InvalidField(field, "is empty")
	}
	if !utf8.ValidString(text) || strings.ContainsRune(text, 0) {
		return 0, fault.InvalidField(field, "is not text in UTF-8")
	}
	septets, alone, part := septetCount(text), septetsAlone, septetsPart
	if septets == 0 {
		septets, alone, part = len(utf16.Encode([]rune(text))), unitsAlone, unitsPart
	}
	n := 1
	if septets > alone {
		n = (septets + part - 1) / part
	}
	if n > MaxParts {
		return 0, fault.InvalidField(field, "has %d characters, which take %d messages; at most %d are sent for one text", utf8.RuneCountInString(text), n, MaxParts)
	}
	return n, nil
}

// septetCount is the length in the GSM alphabet; 0 when the text needs UCS-2.
func septetCount(text string) int {
	n := 0
	for _, r := range text {
		switch {
		case strings.ContainsRune(gsm7, r):
			n++
		case strings.ContainsRune(gsm7Ext, r):
			n += 2
		default:
			return 0
		}
	}
	return n
}
