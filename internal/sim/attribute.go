package sim

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Attribute is a key-value pair of one SIM, or of something else that carries
// attributes: then SIM is 0. A deleted one keeps its id.
type Attribute struct {
	ID      int64
	SIM     int64
	Name    string // unique among the SIM's attributes that are not deleted
	Value   string // may be empty
	Deleted bool
}

// Limits of attributes.
const (
	MaxAttributes     = 100  // of one SIM, not counting deleted ones
	MaxDeleted        = 1000 // deleted ones that are kept of one SIM, the newest
	MaxAttributeName  = 48   // characters
	MaxAttributeValue = 255  // characters
)

// Codes of the faults about attributes.
const (
	AttributeExists   = "attribute.exists"
	AttributeEmpty    = "attribute.empty"     // the name is
	AttributeReadOnly = "attribute.read_only" // the platform alone writes it
	AttributeLimit    = "attribute.limit"
	AttributeDeleted  = "attribute.deleted"
)

// Labels are the attributes that are fields of the SIM itself: whoever changes
// the one changes the other. Such an attribute is there while its field has a
// value, or once it was made with an empty one; its id never changes.
const (
	LabelName  = "friendlyName"
	LabelGroup = "groupName"
	LabelIMEI  = "imei"
)

var labels = [...]string{LabelName, LabelGroup, LabelIMEI}

// FirstLabelID keeps the ids of labels apart from those of stored attributes, and
// below 2^53, which every JSON reader takes.
const FirstLabelID = 1 << 52

// LabelID returns the id of the label with that name on a SIM; found is false
// for a name that is no label.
func LabelID(simID int64, name string) (id int64, found bool) {
	for i, l := range labels {
		if l == name {
			return FirstLabelID | simID<<2 | int64(i), true
		}
	}
	return 0, false
}

// Label returns the SIM's value of the label with that name.
func (s *SIM) Label(name string) string {
	switch name {
	case LabelName:
		return s.Name
	case LabelGroup:
		return s.Group
	case LabelIMEI:
		return string(s.IMEI)
	}
	return ""
}

// Attributes joins the SIM's labels and its stored attributes, those that are
// deleted or those that are not. Labels come first, the others by their ids. Of
// a label the store holds at most a mark: one that is not deleted says that it
// was made with an empty value; another, what it was before it went.
func (s *SIM) Attributes(stored []Attribute, deleted bool) []Attribute {
	var marks map[string]Attribute // most SIMs have none
	out := make([]Attribute, 0, len(labels)+len(stored))
	for _, a := range stored {
		if _, label := LabelID(s.ID, a.Name); label {
			if marks == nil {
				marks = map[string]Attribute{}
			}
			marks[a.Name] = a
		}
	}
	for _, name := range labels {
		id, _ := LabelID(s.ID, name)
		value := s.Label(name)
		mark, marked := marks[name]
		switch {
		case value != "" || marked && !mark.Deleted:
			if !deleted {
				out = append(out, Attribute{ID: id, SIM: s.ID, Name: name, Value: value})
			}
		case marked && deleted:
			out = append(out, Attribute{ID: id, SIM: s.ID, Name: name, Value: mark.Value, Deleted: true})
		}
	}
	for _, a := range stored {
		if _, label := LabelID(s.ID, a.Name); !label && a.Deleted == deleted {
			out = append(out, a)
		}
	}
	return out
}

// readOnly are the attributes that only the platform writes.
var readOnly = map[string]bool{"presentationIMSI": true}

// CheckAttribute checks the name and the value of an attribute of a SIM,
// together.
func CheckAttribute(name, value string) error {
	if err := checkAttributeName(name); err != nil {
		return err
	}
	if readOnly[name] {
		return fault.New(fault.Invalid, AttributeReadOnly, "the attribute %s is written by the platform alone", name)
	}
	return checkValue(name, value)
}

// CheckPair checks the name and the value of an attribute of anything else. The
// value may have so many characters.
func CheckPair(name, value string, most int) error {
	if err := checkAttributeName(name); err != nil {
		return err
	}
	return checkText(value, most)
}

func checkAttributeName(name string) error {
	switch n := utf8.RuneCountInString(name); {
	case name == "":
		return fault.New(fault.Invalid, AttributeEmpty, "the attribute's name is empty")
	case n > MaxAttributeName:
		return fault.InvalidField("attribute", "has %d characters; at most %d are allowed", n, MaxAttributeName)
	case !utf8.ValidString(name) || strings.ContainsFunc(name, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) }):
		return fault.InvalidField("attribute", "contains a blank or a control character")
	}
	return nil
}

func checkValue(name, value string) error {
	switch name {
	case LabelName, LabelGroup:
		_, err := ParseLabel("value", value, min(MaxAttributeValue, MaxName, MaxGroup))
		return err
	case LabelIMEI:
		if value == "" {
			return nil
		}
		_, err := ident.ParseIMEI(value)
		return ident.As("value", err)
	}
	return checkText(value, MaxAttributeValue)
}

func checkText(value string, most int) error {
	switch n := utf8.RuneCountInString(value); {
	case !utf8.ValidString(value):
		return fault.InvalidField("value", "is not valid UTF-8")
	case n > most:
		return fault.InvalidField("value", "has %d characters; at most %d are allowed", n, most)
	case strings.ContainsFunc(value, unicode.IsControl):
		return fault.InvalidField("value", "contains a control character")
	}
	return nil
}
