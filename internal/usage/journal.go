package usage

import "time"

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
	At   time.Time
	Why  string
	Body []byte
}
