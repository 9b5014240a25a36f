package usage

import "time"

// Part is what one of those who count at once has to count of some reports; see
// [Share].
type Part struct {
	Share   int
	Reports int
	Body    []byte // see EncodeReports
}

// Share says which of n counts the reports of this session, so that they are
// counted in their order, whatever they name the SIM by: a number below n, always
// the same.
func (r *Report) Share(n int) int {
	sum := uint32(2166136261) // FNV-1a
	for _, text := range [...]string{r.Key.NAS, r.Key.ID} {
		for i := range len(text) {
			sum = (sum ^ uint32(text[i])) * 16777619
		}
	}
	return int(sum>>1) % n
}

// Batch is some reports that were made durable together, as the journal keeps
// them until they are counted.
type Batch struct {
	ID   int64
	At   time.Time // when they came
	Body []byte    // see EncodeReports
}

// Backlog is what waits in the journal.
type Backlog struct {
	Reports, Bytes int64
	Oldest         time.Time // zero when nothing waits
	Newest         int64     // id of the newest batch
}

// SetAside is what cannot be counted, and why: reports, or what should be some.
type SetAside struct {
	ID   int64
	At   time.Time
	Why  string
	Body []byte // see EncodeReports; not in lists
	Size int64  // of Body, in bytes; in lists
}
