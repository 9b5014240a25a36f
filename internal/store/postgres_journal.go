package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"

	"github.com/simurgh-iot/simurgh/internal/usage"
)

// postgresJournal is the table journal. Its times are the database's: the nodes
// need not agree on theirs.
type postgresJournal struct {
	db   *sql.DB
	node string
}

const pgNow = "(extract(epoch FROM clock_timestamp()) * 1000000)::bigint"

// shares is two: a core is busy with what a second one would count already when
// the server has two for itself.
func (j *postgresJournal) shares() int { return 2 }

func (j *postgresJournal) add(ctx context.Context, parts []usage.Part, _ int64) error {
	shares, reports, bodies := make([]int, len(parts)), make([]int, len(parts)), make([][]byte, len(parts))
	for i, p := range parts {
		shares[i], reports[i], bodies[i] = p.Share, p.Reports, p.Body
	}
	_, err := j.db.ExecContext(ctx, "INSERT INTO journal (node, share, at, reports, body) SELECT $1, s, "+pgNow+", n, b FROM unnest($2::int[], $3::int[], $4::bytea[]) AS p (s, n, b)",
		j.node, shares, reports, bodies)
	return err
}

// take locks the rows first, since what is deleted comes in no order.
func (j *postgresJournal) take(ctx context.Context, q querier, share, reports int, left int64) ([]usage.Batch, error) {
	if _, err := q.exec(ctx, "SET LOCAL synchronous_commit = off"); err != nil {
		return nil, err
	}
	rows, err := q.query(ctx, `DELETE FROM journal j USING (
		SELECT id FROM (SELECT id, SUM(reports) OVER (ORDER BY id) - reports AS before FROM (
			SELECT id, reports FROM journal WHERE share = $4 AND (node = $1 OR at < `+pgNow+` - $2) ORDER BY id LIMIT $3 FOR UPDATE SKIP LOCKED) AS l) AS s
		WHERE before < $3) AS t WHERE j.id = t.id RETURNING j.id, j.at, j.body`, j.node, left, reports, share)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }() // Err has told of it
	var out []usage.Batch
	for rows.Next() {
		var b usage.Batch
		var at int64
		if err := rows.Scan(&b.ID, &at, &b.Body); err != nil {
			return nil, err
		}
		b.At = moment(at)
		out = append(out, b)
	}
	slices.SortFunc(out, func(a, b usage.Batch) int { return cmp.Compare(a.ID, b.ID) })
	return out, rows.Err()
}

func (j *postgresJournal) backlog(ctx context.Context) (b usage.Backlog, err error) {
	var oldest int64
	err = j.db.QueryRowContext(ctx, `SELECT COALESCE(SUM(reports), 0)::bigint, COALESCE(SUM(octet_length(body)), 0)::bigint, COALESCE(MIN(at), 0), COALESCE(MAX(id), 0) FROM journal`).
		Scan(&b.Reports, &b.Bytes, &oldest, &b.Newest)
	b.Oldest = moment(oldest)
	return b, err
}

func (j *postgresJournal) waits(ctx context.Context, id int64) (there bool, err error) {
	err = j.db.QueryRowContext(ctx, "SELECT EXISTS (SELECT 1 FROM journal WHERE id <= $1)", id).Scan(&there)
	return there, err
}

func (j *postgresJournal) counted(int64) {}

func (j *postgresJournal) look(context.Context) (bool, error) { return true, nil }
