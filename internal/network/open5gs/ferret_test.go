package open5gs

import (
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/FerretDB/FerretDB/ferretdb"
	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/simurgh-iot/simurgh/internal/ident"
)

// database speaks MongoDB's protocol, in this process and with its documents
// in a folder of the test. It is no replica set. What leads to it can be held
// up.
type database struct {
	dir   string
	stop  func()
	front net.Listener

	mu    sync.Mutex
	addr  string
	shut  bool
	conns map[net.Conn]bool
}

func startDatabase(t testing.TB) *database {
	t.Helper()
	front, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	d := &database{dir: t.TempDir(), front: front, conns: map[net.Conn]bool{}}
	d.start(t)
	go d.serve()
	t.Cleanup(func() {
		_ = front.Close()
		d.hold(true)
		d.stop()
	})
	return d
}

// starting guards what databases share as they come up.
var starting sync.Mutex

func (d *database) start(t testing.TB) {
	t.Helper()
	starting.Lock()
	defer starting.Unlock()
	f, err := ferretdb.New(&ferretdb.Config{
		Listener: ferretdb.ListenerConfig{TCP: "127.0.0.1:0"},
		Handler:  "sqlite", SQLiteURL: "file:" + d.dir + "/?_txlock=immediate&_pragma=synchronous(off)",
		Logger: slog.New(slog.DiscardHandler),
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() { defer close(done); _ = f.Run(ctx) }()
	d.stop = func() { cancel(); <-done }
	opts := options.Client().ApplyURI(f.MongoDBURI())
	d.mu.Lock()
	d.addr = opts.Hosts[0]
	d.mu.Unlock()
}

func (d *database) restart(t testing.TB) {
	t.Helper()
	d.hold(true)
	d.stop()
	d.start(t)
	d.hold(false)
}

// hold keeps everybody out, also those who are in.
func (d *database) hold(on bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.shut = on
	for c := range d.conns {
		_ = c.Close()
	}
	clear(d.conns)
}

func (d *database) serve() {
	for {
		c, err := d.front.Accept()
		if err != nil {
			return
		}
		d.mu.Lock()
		if d.shut {
			_ = c.Close()
		} else if up, err := net.Dial("tcp", d.addr); err != nil {
			_ = c.Close()
		} else {
			d.conns[c], d.conns[up] = true, true
			go func() { _, _ = io.Copy(up, c); _ = up.Close() }()
			go func() { _, _ = io.Copy(c, up); _ = c.Close() }()
		}
		d.mu.Unlock()
	}
}

// config leads to the database, with more of a Config in JSON.
func (d *database) config(more string) json.RawMessage {
	return json.RawMessage(`{"uri":"mongodb://` + d.front.Addr().String() + `/open5gs?maxPoolSize=2","timeout":"1m"` + more + `}`)
}

func (d *database) open(t testing.TB, more string) *Core {
	t.Helper()
	driver, err := Open(t.Context(), d.config(more), nil, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := driver.Close(); err != nil {
			t.Error(err)
		}
	})
	c := driver.(*Core)
	// The database keeps a connection to its file per write of a call, and has
	// a hundred for all callers; one that wants more waits for ever.
	c.store.(*mongoStore).most = 10
	return c
}

// collection is one of the database's, past the driver.
func (d *database) collection(t testing.TB, name string) *mongo.Collection {
	t.Helper()
	client, err := mongo.Connect(options.Client().ApplyURI("mongodb://" + d.addr))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = client.Disconnect(context.WithoutCancel(t.Context())) })
	return client.Database("open5gs").Collection(name)
}

// document returns a subscriber's document; nil where there is none.
func document(t testing.TB, c *mongo.Collection, imsi ident.IMSI) bson.D {
	t.Helper()
	var out []bson.D
	cursor, err := c.Find(t.Context(), bson.D{{Key: "imsi", Value: string(imsi)}})
	if err != nil {
		t.Fatal(err)
	}
	if err := cursor.All(t.Context(), &out); err != nil {
		t.Fatal(err)
	}
	switch len(out) {
	case 0:
		return nil
	case 1:
		return out[0]
	}
	t.Fatalf("%s has %d documents", imsi, len(out))
	return nil
}

// at returns what lies at a path of keys and indexes.
func at(v any, path ...any) any {
	for _, p := range path {
		switch k := p.(type) {
		case string:
			d, _ := v.(bson.D)
			v = get(d, k)
		case int:
			a, _ := v.(bson.A)
			if k >= len(a) {
				return nil
			}
			v = a[k]
		}
	}
	return v
}

// waitFor polls until ok holds.
func waitFor(t testing.TB, what string, ok func() bool) {
	t.Helper()
	for deadline := time.Now().Add(10 * time.Second); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited in vain for %s", what)
		}
	}
}
