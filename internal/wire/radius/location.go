package radius

// LocationType says how a User-Location-Info tells where a device is (TS
// 29.061 section 16.4.7.2).
type LocationType uint8

// The types of TS 29.061; LAI is an addition that some equipment sends.
const (
	LocationCGI             LocationType = 0
	LocationSAI             LocationType = 1
	LocationRAI             LocationType = 2
	LocationLAI             LocationType = 32
	LocationTAI             LocationType = 128
	LocationECGI            LocationType = 129
	LocationTAIECGI         LocationType = 130
	LocationENodeB          LocationType = 131
	LocationTAIENodeB       LocationType = 132
	LocationExtENodeB       LocationType = 133
	LocationTAIExtENodeB    LocationType = 134
	LocationNCGI            LocationType = 135
	Location5GSTAI          LocationType = 136
	Location5GSTAINCGI      LocationType = 137
	LocationNGRANNode       LocationType = 138
	Location5GSTAINGRANNode LocationType = 139
)

// Location is the value of User-Location-Info: an area, a cell, or both, as
// its Type says. What is absent, or what a malformed or unknown value does not
// tell, is zero; Raw is always the whole value.
type Location struct {
	Type LocationType

	Area    PLMN   // whose area it is
	AreaID  uint32 // location area or tracking area code
	Routing uint8  // routing area code, of RAI only

	Cell   PLMN   // whose cell it is; in shared networks not always whose area
	CellID uint64 // cell identity, service area code, or base station

	Raw string
}

// PLMN returns the network that serves the device: the cell's, else the
// area's.
func (l Location) PLMN() PLMN {
	if l.Cell != "" {
		return l.Cell
	}
	return l.Area
}

// part is one element of a geographic location.
type part uint8

const (
	partEnd     part = iota
	partArea         // PLMN and an area code of two octets
	partArea5G       // PLMN and an area code of three octets
	partSame         // two octets that identify a cell inside the area before
	partRouting      // routing area code in one octet, with or without filler
	partCell         // PLMN and an E-UTRA cell identity of 28 bits in four octets
	partCell5G       // PLMN and an NR cell identity of 36 bits in five octets
	partNode         // PLMN and 20 bits of an eNodeB in three octets
	partExtNode      // PLMN and 18 or 21 bits of an eNodeB in three octets
	partGlobal       // PLMN and a node of a coding of its own
	numParts
)

// parts gives the elements of each type.
var parts = [256][2]part{
	LocationCGI:             {partArea, partSame},
	LocationSAI:             {partArea, partSame},
	LocationRAI:             {partArea, partRouting},
	LocationLAI:             {partArea},
	LocationTAI:             {partArea},
	LocationECGI:            {partCell},
	LocationTAIECGI:         {partArea, partCell},
	LocationENodeB:          {partNode},
	LocationTAIENodeB:       {partArea, partNode},
	LocationExtENodeB:       {partExtNode},
	LocationTAIExtENodeB:    {partArea, partExtNode},
	LocationNCGI:            {partCell5G},
	Location5GSTAI:          {partArea5G},
	Location5GSTAINCGI:      {partArea5G, partCell5G},
	LocationNGRANNode:       {partGlobal},
	Location5GSTAINGRANNode: {partArea5G, partGlobal},
}

// partForms give how many octets the number of each element has, after the
// PLMN where it has one, and which bits count. The spare bits of an NR cell
// identity are taken to lead (TS 38.413 section 9.3.1.7 leaves it open).
var partForms = [numParts]struct {
	size int
	mask uint64
	plmn bool
}{
	partArea:    {2, 0xFFFF, true},
	partArea5G:  {3, 0xFFFFFF, true},
	partSame:    {2, 0xFFFF, false},
	partRouting: {1, 0xFF, false},
	partCell:    {4, 0x0FFFFFFF, true},
	partCell5G:  {5, 0xF_FFFFFFFF, true},
	partNode:    {3, 0x0FFFFF, true},
	partExtNode: {3, 0x1FFFFF, true},
	partGlobal:  {0, 0, true},
}

// locationOf never fails on a value that has octets: what it cannot read stays
// in Raw.
func locationOf(b []byte) (Location, bool) {
	if len(b) == 0 {
		return Location{}, false
	}
	l := Location{Type: LocationType(b[0]), Raw: string(b)}
	rest := b[1:]
	for _, p := range parts[l.Type] {
		var ok bool
		if rest, ok = l.read(p, rest); !ok {
			return Location{Type: l.Type, Raw: l.Raw}, true
		}
	}
	return l, true
}

// read takes one element off b.
func (l *Location) read(p part, b []byte) ([]byte, bool) {
	form := partForms[p]
	owner := l.Area
	if form.plmn {
		if len(b) < plmnSize {
			return b, false
		}
		owner, b = plmnOf(b), b[plmnSize:]
	}
	if p == partEnd {
		return b, true
	}
	if len(b) < form.size || owner == "" {
		return b, false
	}
	var id uint64
	for _, octet := range b[:form.size] {
		id = id<<8 | uint64(octet)
	}
	l.set(p, owner, id&form.mask)
	return b[form.size:], true
}

func (l *Location) set(p part, owner PLMN, id uint64) {
	switch p {
	case partArea, partArea5G:
		l.Area, l.AreaID = owner, uint32(id)
	case partRouting:
		l.Routing = uint8(id)
	case partSame, partCell, partCell5G, partNode, partExtNode, partGlobal:
		l.Cell, l.CellID = owner, id
	case partEnd, numParts:
	}
}

// appendLocation writes Raw where it is set, and else the elements of the
// type.
func appendLocation(b []byte, l Location) ([]byte, bool) {
	if l.Raw != "" {
		return append(b, l.Raw...), true
	}
	elements := parts[l.Type]
	ok := elements[0] != partEnd
	b = append(b, byte(l.Type))
	for _, p := range elements {
		var fits bool
		b, fits = l.append(b, p)
		ok = ok && fits
	}
	return b, ok
}

// append writes one element. A routing area code is followed by a filler octet
// (TS 29.060 section 7.7.51).
func (l *Location) append(b []byte, p part) ([]byte, bool) {
	owner, id := l.Cell, l.CellID
	switch p {
	case partEnd:
		return b, true
	case partArea, partArea5G:
		owner, id = l.Area, uint64(l.AreaID)
	case partRouting:
		return append(b, l.Routing, 0xFF), true
	case partGlobal, numParts:
		return b, false
	case partSame, partCell, partCell5G, partNode, partExtNode:
	}
	form, ok := partForms[p], true
	if form.plmn {
		b, ok = appendPLMN(b, owner)
	}
	for shift := 8 * (form.size - 1); shift >= 0; shift -= 8 {
		b = append(b, byte(id>>shift))
	}
	return b, ok && id <= form.mask
}
