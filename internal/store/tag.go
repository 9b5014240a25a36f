package store

import (
	"context"
	"database/sql"
	"encoding/binary"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

var tagTable = &table{name: "sim_tag", columns: cols("code text, first, tags bytea")}

// tagSize is the room of one tag in a row: the SIM's id, and eight bytes of the
// keyed hash, which are enough to tell codes apart.
const tagSize = 16

// tagHash is what is kept of a tag.
func tagHash(hash []byte) uint64 {
	var b [8]byte
	copy(b[:], hash)
	return binary.BigEndian.Uint64(b[:])
}

// tagRows collects the tags that are stored together.
type tagRows struct {
	codes []string
	tags  map[string][]byte
	first map[string]int64
}

func (r *tagRows) add(id int64, tags []sim.Tag) {
	for _, t := range tags {
		if _, ok := r.tags[t.Code]; !ok {
			if r.tags == nil {
				r.tags, r.first = map[string][]byte{}, map[string]int64{}
			}
			r.codes, r.first[t.Code] = append(r.codes, t.Code), id
		}
		b := binary.BigEndian.AppendUint64(r.tags[t.Code], uint64(id))
		r.tags[t.Code] = binary.BigEndian.AppendUint64(b, tagHash(t.Hash))
	}
}

func (r *tagRows) rows() [][]any {
	out := make([][]any, len(r.codes))
	for i, c := range r.codes {
		out[i] = []any{c, r.first[c], r.tags[c]}
	}
	return out
}

// tagged returns the ids of the SIMs that have all the tags.
func (r reader) tagged(ctx context.Context, tags []sim.Tag) ([]int64, error) {
	var ids []int64
	have := map[int64]int{}
	for i, t := range tags {
		want := tagHash(t.Hash)
		err := r.each(ctx, func(rows rowScanner) error {
			var b sql.RawBytes
			if err := rows.Scan(&b); err != nil {
				return err
			}
			for ; len(b) >= tagSize; b = b[tagSize:] {
				if binary.BigEndian.Uint64(b[8:]) != want {
					continue
				}
				id := int64(binary.BigEndian.Uint64(b))
				if have[id] == i {
					have[id]++
				}
			}
			return nil
		}, "SELECT tags FROM sim_tag WHERE code = ?", t.Code)
		if err != nil {
			return nil, err
		}
	}
	for id, n := range have {
		if n == len(tags) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}
