package simulated

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

var (
	_ network.Messenger = (*Network)(nil)
	_ network.Loader    = (*Network)(nil)
)

// errands are the tables of what is done once with a subscriber. A file that was
// made without them gets them when it is opened.
const errands = `
CREATE TABLE IF NOT EXISTS errand (
	id   INTEGER PRIMARY KEY, -- the caller's
	imsi TEXT NOT NULL,
	kind TEXT NOT NULL,
	text TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS errand_imsi ON errand (imsi, id);
CREATE TABLE IF NOT EXISTS profile (
	imsi    TEXT NOT NULL,
	name    TEXT NOT NULL,
	enabled INTEGER NOT NULL,
	PRIMARY KEY (imsi, name)
) WITHOUT ROWID;`

// once does a thing in one transaction, unless it was done before under the same
// id. Latency, outages, failures and refusals concern it as they do a batch.
func (n *Network) once(ctx context.Context, p *sim.Profile, id int64, kind sim.ErrandKind, text string, do func(*sql.Tx) error) error {
	rules, err := n.admit(ctx)
	if err != nil {
		return err
	}
	if rules.FailureRate > 0 && n.random() < rules.FailureRate {
		return unreachable(nil)
	}
	tx, err := n.write.BeginTx(ctx, nil)
	if err != nil {
		return unusable(ctx, err)
	}
	defer func() { _ = tx.Rollback() }()
	if err := n.begin(ctx, tx, rules, p, id, kind, text); err != nil {
		if errors.Is(err, errDone) {
			return nil
		}
		return err
	}
	if err := do(tx); err != nil {
		return err
	}
	if err := tx.Commit(); err != nil {
		return unusable(ctx, err)
	}
	if rules.LostAnswers > 0 && n.random() < rules.LostAnswers {
		return unreachable(nil)
	}
	return nil
}

var errDone = errors.New("done before")

// begin notes the errand, unless the network refuses the subscriber.
func (n *Network) begin(ctx context.Context, tx *sql.Tx, r *rules, p *sim.Profile, id int64, kind sim.ErrandKind, text string) error {
	var present bool
	err := tx.QueryRowContext(ctx, `SELECT present FROM subscriber WHERE imsi = ?`, string(p.IMSI)).Scan(&present)
	switch {
	case err != nil && !errors.Is(err, sql.ErrNoRows):
		return unusable(ctx, err)
	case !present:
		return &network.Refusal{Why: "the network does not know the subscriber"}
	case r.refuses(p.IMSI):
		return &network.Refusal{Why: "subscriber " + string(p.IMSI) + " is not accepted"}
	}
	res, err := tx.ExecContext(ctx, `INSERT INTO errand (id, imsi, kind, text) VALUES (?, ?, ?, ?) ON CONFLICT (id) DO NOTHING`,
		id, string(p.IMSI), string(kind), text)
	if err != nil {
		return unusable(ctx, err)
	}
	if done, err := res.RowsAffected(); err != nil || done == 0 {
		return errDone
	}
	return nil
}

// Send implements [network.Messenger]: the message is delivered at once.
func (n *Network) Send(ctx context.Context, to sim.Profile, id int64, text string) (string, error) {
	return fmt.Sprintf("sim-%d", id), n.once(ctx, &to, id, sim.SendMessage, text, func(*sql.Tx) error { return nil })
}

// Load implements [network.Loader]. The network stands for the subscription
// manager and the eUICC at once.
func (n *Network) Load(ctx context.Context, on sim.Profile, id int64, kind sim.ErrandKind, name string) error {
	return n.once(ctx, &on, id, kind, name, func(tx *sql.Tx) error {
		var enabled bool
		err := tx.QueryRowContext(ctx, `SELECT enabled FROM profile WHERE imsi = ? AND name = ?`, string(on.IMSI), name).Scan(&enabled)
		there := err == nil
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return unusable(ctx, err)
		}
		downloads := kind == sim.DownloadProfile || kind == sim.InstallProfile
		switch {
		case downloads && there:
			return &network.Refusal{Why: "profile " + name + " is on the card already"}
		case !downloads && !there:
			return &network.Refusal{Why: "profile " + name + " is not on the card"}
		case kind == sim.DeleteProfile && enabled:
			return &network.Refusal{Why: "profile " + name + " is enabled; enable another one first"}
		}
		return changeCard(ctx, tx, on.IMSI, kind, name)
	})
}

// changeCard writes what an errand does to the profiles of a card. One at most is
// enabled.
func changeCard(ctx context.Context, tx *sql.Tx, imsi ident.IMSI, kind sim.ErrandKind, name string) error {
	var steps []string
	switch kind {
	case sim.DownloadProfile:
		steps = []string{`INSERT INTO profile (imsi, name, enabled) VALUES (?1, ?2, 0)`}
	case sim.InstallProfile:
		steps = []string{`UPDATE profile SET enabled = 0 WHERE imsi = ?1 AND name <> ?2`, `INSERT INTO profile (imsi, name, enabled) VALUES (?1, ?2, 1)`}
	case sim.EnableProfile:
		steps = []string{`UPDATE profile SET enabled = (name = ?2) WHERE imsi = ?1`}
	case sim.DeleteProfile:
		steps = []string{`DELETE FROM profile WHERE imsi = ?1 AND name = ?2`}
	case sim.SendMessage, sim.ResetOnNetwork:
	}
	for _, text := range steps {
		if _, err := tx.ExecContext(ctx, text, string(imsi), name); err != nil {
			return unusable(ctx, err)
		}
	}
	return nil
}

// Done is one errand that the network has done.
type Done struct {
	ID   int64
	Kind sim.ErrandKind
	Text string
}

// Errands returns what was done with a subscriber, oldest first. It is a look at
// the simulation, as [Network.History] is.
func (n *Network) Errands(ctx context.Context, imsi ident.IMSI) ([]Done, error) {
	rows, err := n.read.QueryContext(ctx, `SELECT id, kind, text FROM errand WHERE imsi = ? ORDER BY id`, string(imsi))
	if err != nil {
		return nil, unusable(ctx, err)
	}
	defer func() { _ = rows.Close() }()
	var out []Done
	for rows.Next() {
		var d Done
		if err := rows.Scan(&d.ID, &d.Kind, &d.Text); err != nil {
			return nil, unusable(ctx, err)
		}
		out = append(out, d)
	}
	return out, rows.Err()
}
