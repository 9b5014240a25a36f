// Package open5gs drives an Open5GS, a 4G and 5G core, through its database:
// the core has no other way in that a program may rely on.
//
// The core writes into the same documents, and counts in them what it has
// handed to cards; so only the driver's own fields are set, never a document as
// a whole. Whom the core must not know any more lies aside, in a collection of
// ours in the same database, with keys and count: whoever comes back goes on
// where they were.
//
// To bar data, the flags that exist for it are set, but no part of an all-
// Open5GS network reads them. What works is to take the subscriber's sessions
// away and have the HSS cancel its location, in one write, so that the device,
// which is told to come back at once, finds nothing. Barring data therefore
// takes a device off the network altogether. Voice and messaging, which a 4G
// core hands to a 2G or 3G one, are barred together.
//
// The HSS hears of changes only if hss.use_mongodb_change_stream is set in the
// core's configuration, which it is not by itself, and MongoDB runs as a
// replica set. Without that, and with 5G devices always, a cut takes effect
// when the device next comes to the network. [Core.Pushes] tells what can be
// seen of it from here.
//
// It knows profiles and nothing of what they are for.
package open5gs

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"sync/atomic"

	"go.mongodb.org/mongo-driver/v2/bson"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Core is one Open5GS. It implements [network.Driver] and [network.Lister].
type Core struct {
	config Config
	store  subscriberStore
	client *http.Client // of the information interface
	log    *slog.Logger

	pushes atomic.Int32 // what was last seen of them
}

// What a Core knows of pushes.
const (
	pushesUnknown int32 = iota
	pushesOff
	pushesPossible
)

var (
	_ network.Driver = (*Core)(nil)
	_ network.Lister = (*Core)(nil)
)

// Open returns the driver of the Open5GS that config describes; it does not
// wait for its database. secret is the password of the database's user, where
// config names one. A config that is wrong gives an Invalid fault, see [Check].
func Open(_ context.Context, config json.RawMessage, secret []byte, log *slog.Logger) (network.Driver, error) {
	c, err := parse(config)
	if err != nil {
		return nil, err
	}
	store, err := openMongo(&c, string(secret))
	if err != nil {
		return nil, err
	}
	return newCore(c, store, log), nil
}

func newCore(c Config, store subscriberStore, log *slog.Logger) *Core {
	if log == nil {
		log = slog.New(slog.DiscardHandler)
	}
	return &Core{config: c, store: store, log: log, client: &http.Client{
		Timeout:       c.timeout,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// Close releases the connections.
func (o *Core) Close() error {
	o.client.CloseIdleConnections()
	return o.store.close(context.Background())
}

// Observe reads the subscribers back, in the order asked.
func (o *Core) Observe(ctx context.Context, ids []ident.IMSI) ([]network.Actual, error) {
	have, err := o.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make([]network.Actual, len(ids))
	for i, imsi := range ids {
		out[i] = have[imsi].actual(imsi)
	}
	return out, nil
}

// List returns up to limit of the subscribers after the given IMSI, in
// ascending order.
func (o *Core) List(ctx context.Context, after ident.IMSI, limit int) ([]network.Actual, error) {
	if limit <= 0 {
		return nil, nil
	}
	docs, err := o.store.list(ctx, after, limit)
	if err != nil {
		return nil, err
	}
	out := make([]network.Actual, 0, len(docs))
	for _, d := range docs {
		s := decode(d)
		a := s.actual(s.IMSI)
		a.Present = true // with what little can be read of it
		out = append(out, a)
	}
	return out, nil
}

// find returns the subscribers that are there.
func (o *Core) find(ctx context.Context, ids []ident.IMSI) (map[ident.IMSI]*subscriber, error) {
	docs, err := o.store.find(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[ident.IMSI]*subscriber, len(docs))
	for _, d := range docs {
		s := decode(d)
		out[s.IMSI] = s
	}
	return out, nil
}

// decode reads a document. One that is not of the core's form is a subscriber
// that is not present and is broken; why is told without its values, among
// which are keys.
func decode(d bson.Raw) *subscriber {
	var s subscriber
	if err := bson.Unmarshal(d, &s); err != nil {
		imsi, _ := d.Lookup("imsi").StringValueOK()
		return &subscriber{IMSI: ident.IMSI(imsi), broken: failed(errDocument(imsi))}
	}
	return &s
}

type errDocument string

func (e errDocument) Error() string {
	return "the document of " + string(e) + " is not of the core's form"
}

// Pushes reports whether the HSS can hear of changes as they happen, and why
// not in words for the network's operator. That it can does not mean that it
// listens: hss.use_mongodb_change_stream cannot be seen from here.
func (o *Core) Pushes(ctx context.Context) (possible bool, why string, err error) {
	possible, err = o.store.streams(ctx)
	if err != nil {
		return false, "", err
	}
	if !possible {
		return false, "pushes off: MongoDB is no replica set, so the HSS does not hear of changes, and who is connected stays so until the device next comes to the network", nil
	}
	return true, "", nil
}

// heard reports whether the HSS may hear of a cut. It warns when it turns out
// that it does not.
func (o *Core) heard(ctx context.Context) (bool, error) {
	possible, why, err := o.Pushes(ctx)
	if err != nil {
		return false, err
	}
	now := pushesOff
	if possible {
		now = pushesPossible
	}
	if o.pushes.Swap(now) != now && !possible {
		o.log.Warn(why)
	}
	return possible, nil
}
