package app

import (
	"errors"
	"io"

	"github.com/simurgh-iot/simurgh/internal/batch"
	"github.com/simurgh-iot/simurgh/internal/fleet"
)

// BatchFile hands the rows of a batch file to an import.
type BatchFile struct{ *batch.Reader }

// OpenBatch returns the file in src. Its head is read with the first row.
func OpenBatch(src io.Reader, o batch.Options) BatchFile { return BatchFile{batch.NewReader(src, o)} }

// Next implements fleet.Source.
func (f BatchFile) Next() (fleet.BatchRow, error) {
	row, err := f.Read()
	if bad, ok := errors.AsType[*batch.RowError](err); ok {
		return fleet.BatchRow{}, &fleet.RowRejected{Line: bad.Line, Fields: bad.Fields}
	}
	return fleet.BatchRow{Line: row.Line, SIM: row.SIM, Secrets: row.Secrets}, err
}
