package store

import (
	"context"
	"database/sql"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/sim"
)

// What is kept of the codes of SIMs are tags: keyed hashes. An index of them would
// be one of random keys, and make imports slow. So they lie in rows of many, those
// of each code apart: first loose, as they came, and when there are enough of them
// sorted, into a row for each bucket of hashes. A code is looked for in its bucket
// and among the few that are loose.
//
// A code that many SIMs share, as that of a batch whose PIN was never changed, is
// told by its SIM instead, while the order of the list is walked.

var tagTable = &table{name: "sim_tag", columns: cols("code text, bucket, first, tags bytea")}

// Buckets that hold no hashes of their own.
const (
	loose  = -1
	former = -2 // written before there were buckets; see moveTags
)

// tagSize is the room of one tag in a row: the SIM's id, and eight bytes of the
// keyed hash, which are enough to tell codes apart.
const (
	tagSize  = 16
	hashSize = 8
)

// tagBounds say when loose tags are put in order.
type tagBounds struct {
	rows int64 // so many loose rows become one
	tags int   // or, when they hold so many tags, are sorted
}

// With these, some hundred kilobytes are looked through for a code of a million.
var fewTags = tagBounds{rows: 8, tags: 16_000}

// codeNames are the codes in the order in which a SIM's own tags are stored.
var codeNames = []string{"pin1", "puk1", "pin2", "puk2"}

// tagHash is what is kept of a tag.
func tagHash(hash []byte) uint64 {
	var b [hashSize]byte
	copy(b[:], hash)
	return binary.BigEndian.Uint64(b[:])
}

// bucketOf is the first byte of a hash.
func bucketOf(hash uint64) int64 { return int64(hash >> 56) }

// ownTags are the tags of one SIM, to be stored with it; empty without any.
func ownTags(tags []sim.Tag) []byte {
	if len(tags) == 0 {
		return []byte{}
	}
	out := make([]byte, hashSize*len(codeNames))
	for _, t := range tags {
		if i := slices.Index(codeNames, t.Code); i >= 0 {
			binary.BigEndian.PutUint64(out[i*hashSize:], tagHash(t.Hash))
		}
	}
	return out
}

// hasTag is the condition that a SIM has the tag.
func hasTag(t sim.Tag) cond {
	at := slices.Index(codeNames, t.Code)*hashSize + 1
	return cond{where: fmt.Sprintf("EXISTS (SELECT 1 FROM sim_secret c WHERE c.sim_id = s.id AND substr(c.tags, %d, %d) = ?)", at, hashSize),
		args: []any{binary.BigEndian.AppendUint64(nil, tagHash(t.Hash))}}
}

// tagRows collects the tags that are stored together.
type tagRows struct {
	codes []string
	tags  map[string][]byte
}

func (r *tagRows) add(id int64, tags []sim.Tag) {
	for _, t := range tags {
		if _, ok := r.tags[t.Code]; !ok {
			if r.tags == nil {
				r.tags = map[string][]byte{}
			}
			r.codes = append(r.codes, t.Code)
		}
		b := binary.BigEndian.AppendUint64(r.tags[t.Code], uint64(id))
		r.tags[t.Code] = binary.BigEndian.AppendUint64(b, tagHash(t.Hash))
	}
}

// tagRow is a row of tags, of which there is at least one.
func tagRow(code string, bucket int64, tags []byte) []any {
	return []any{code, bucket, int64(binary.BigEndian.Uint64(tags)), tags}
}

// addTags stores tags, and puts them in order when there are enough.
func (tx *Tx) addTags(ctx context.Context, add tagRows) error {
	slices.Sort(add.codes) // those who put tags in order at once wait for each other
	rows := make([][]any, len(add.codes))
	for i, code := range add.codes {
		rows[i] = tagRow(code, loose, add.tags[code])
	}
	if err := tx.insert(ctx, tagTable, rows); err != nil {
		return err
	}
	for _, code := range add.codes {
		var n int64
		if _, err := tx.one(ctx, []any{&n}, "SELECT count(*) FROM sim_tag WHERE code = ? AND bucket = ?", code, int64(loose)); err != nil {
			return err
		}
		if n < tx.lists.tags.rows {
			continue
		}
		if err := tx.sortTags(ctx, code); err != nil {
			return err
		}
	}
	return nil
}

// sortTags puts the loose tags of a code in order, as far as another transaction
// is not doing so.
func (tx *Tx) sortTags(ctx context.Context, code string) error {
	var all []byte
	err := tx.each(ctx, func(rows rowScanner) error {
		var b sql.RawBytes
		err := rows.Scan(&b)
		all = append(all, b...)
		return err
	}, "DELETE FROM sim_tag WHERE code = ? AND bucket = ? RETURNING tags", code, int64(loose))
	if err != nil || len(all) < tagSize {
		return err
	}
	if len(all) < tx.lists.tags.tags*tagSize {
		return tx.insert(ctx, tagTable, [][]any{tagRow(code, loose, all)})
	}
	buckets := map[int64][]byte{}
	for ; len(all) >= tagSize; all = all[tagSize:] {
		b := bucketOf(binary.BigEndian.Uint64(all[hashSize:]))
		buckets[b] = append(buckets[b], all[:tagSize]...)
	}
	rows := make([][]any, 0, len(buckets))
	for b, tags := range buckets {
		rows = append(rows, tagRow(code, b, tags))
	}
	return tx.insert(ctx, tagTable, rows)
}

// tagged returns the ids of the SIMs that have a tag, or all false when there are
// more than a limit.
func (r reader) tagged(ctx context.Context, t sim.Tag, limit int64) (ids []int64, all bool, err error) {
	want := tagHash(t.Hash)
	ids = []int64{}
	err = r.some(ctx, func(rows rowScanner) (bool, error) {
		var b sql.RawBytes
		if err := rows.Scan(&b); err != nil {
			return false, err
		}
		for ; len(b) >= tagSize; b = b[tagSize:] {
			if binary.BigEndian.Uint64(b[hashSize:]) == want {
				ids = append(ids, int64(binary.BigEndian.Uint64(b)))
			}
		}
		return int64(len(ids)) <= limit, nil
	}, "SELECT tags FROM sim_tag WHERE code = ? AND bucket IN (?, ?)", t.Code, int64(loose), bucketOf(want))
	return ids, int64(len(ids)) <= limit, err
}
