package store_test

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/simurgh-iot/simurgh/internal/store"
	"github.com/simurgh-iot/simurgh/internal/usage"
)

// TestUsage reads usage that the network side has written.
func TestUsage(t *testing.T) {
	onEngines(t, func(t *testing.T, o store.Options) {
		db := open(t, o)
		root := addRoot(t, db)
		one, two := insert(t, db, root, "89440000000001").ID, insert(t, db, root, "89440000000002").ID
		ctx := t.Context()
		if err := db.Write(ctx, func(tx *store.Tx) error { return writeUsage(ctx, tx, one) }); err != nil {
			t.Fatal(err)
		}
		at := func(n int64) time.Time { return time.UnixMicro(n).UTC() }
		last := usage.Activity{Lat: "51.5", Lon: "-0.1", LocatedAt: at(1), LAI: "a", CI: "b", CellAt: at(2), MCC: "234", MNC: "15", Network: "GB", RAT: "LTE",
			AttachedAt: at(3), IMEI: "i", IMEIAt: at(4), IMSI: "s", IMSIAt: at(5), APN: "iot", User: "u", IP: "10.0.0.1", SessionStart: at(6), SessionStop: at(7),
			SessionBytes: 8, SMSOut: at(9), SMSIn: at(10), SMSReceipt: at(11), VoiceOut: at(12), VoiceIn: at(13), USSDOut: at(14), USSDIn: at(15)}
		got, err := db.Activity(ctx, one)
		want(t, last, got, err)
		got, err = db.Activity(ctx, two)
		want(t, usage.Activity{}, got, err)
		sessions, err := db.Activities(ctx, []int64{one, two})
		want(t, map[int64]usage.Activity{one: last}, sessions, err)
		months, err := db.Months(ctx, []int64{one, two}, 2026, 12)
		want(t, map[int64]usage.Month{one: {Year: 2026, Month: 12, Bytes: 1, In: 12, Out: 13, Rounded: 2, SMS: 3, USSD: 4, Voice: 5, Cost: 6,
			DataAt: at(7), SMSAt: at(8), USSDAt: at(9), VoiceAt: at(10), CostAt: at(11)}}, months, err)
		months, err = db.Months(ctx, []int64{one, two}, 2027, 1)
		want(t, map[int64]usage.Month{}, months, err)
		rated(t, db, one, two)
	})
}

func writeUsage(ctx context.Context, tx *store.Tx, id int64) error {
	for _, text := range []string{
		`INSERT INTO sim_activity VALUES (?, '51.5', '-0.1', 1, 'a', 'b', 2, '234', '15', 'GB', 'LTE', 3, 'i', 4, 's', 5, 'iot', 'u', '10.0.0.1', 6, 7, 8,
			9, 10, 11, 12, 13, 14, 15)`,
		"INSERT INTO usage_month VALUES (?, 2026 * 12 + 11, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13)",
		"INSERT INTO rated_event VALUES (1, ?, 'Data', 100, 110, 'd', 5, 6, '234', '15', 7)",
		"INSERT INTO rated_event VALUES (2, ?, 'SMS', 200, 200, '', 1, 1, '', '', 7)",
		"INSERT INTO rated_event VALUES (3, ?, 'Data', 200, 0, '', 1, 1, '', '', 7)",
		"INSERT INTO rated_event VALUES (4, ?, 'Voice', 300, 310, '', 1, 1, '', '', 7)",
	} {
		if err := tx.Exec(ctx, text, id); err != nil {
			return err
		}
	}
	return nil
}

func rated(t *testing.T, db *store.DB, one, two int64) {
	at := func(n int64) time.Time { return time.UnixMicro(n).UTC() }
	for _, c := range []struct {
		sim   int64
		q     usage.RatedQuery
		want  []int64
		total int64
	}{
		{one, usage.RatedQuery{Limit: 10}, []int64{1, 2, 3, 4}, 4},
		{one, usage.RatedQuery{Limit: 2, Offset: 1, Descending: true}, []int64{3, 2}, 4},
		{one, usage.RatedQuery{Limit: 10, ByKind: true}, []int64{1, 3, 2, 4}, 4},
		{one, usage.RatedQuery{Limit: 10, ByKind: true, Descending: true}, []int64{4, 2, 3, 1}, 4},
		{one, usage.RatedQuery{Limit: 10, From: at(200), To: at(300)}, []int64{2, 3}, 2},
		{one, usage.RatedQuery{Limit: 10, Kinds: []usage.Kind{usage.Data, usage.Voice}, From: at(101)}, []int64{3, 4}, 2},
		{one, usage.RatedQuery{Limit: 10, Kinds: []usage.Kind{usage.Other}}, nil, 0},
		{two, usage.RatedQuery{Limit: 10}, nil, 0},
	} {
		events, total, err := db.Rated(t.Context(), c.sim, c.q)
		var ids []int64
		for _, e := range events {
			ids = append(ids, e.ID)
		}
		want(t, c.want, ids, err)
		want(t, c.total, total, nil)
		if len(ids) > 0 && ids[0] == 1 {
			want(t, usage.RatedEvent{ID: 1, Kind: usage.Data, Start: at(100), Stop: at(110), Description: "d", Quantity: 5, Price: 6, MCC: "234", MNC: "15", Package: 7},
				events[0], nil)
		}
	}
}

func want[T any](t *testing.T, want, got T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
	if d := cmp.Diff(want, got); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}
