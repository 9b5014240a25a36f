package open5gs

import (
	"context"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// epc stands in for the rest of the core: an HSS that hears of the writes
// after a while and reads the document once more, as its change stream has it,
// and an MME that asks it. Like the core's own, the MME looks at no barring
// flags, and detaches a device with the word to come back at once.
type epc struct {
	subscriberStore
	t           *testing.T
	subscribers *mongo.Collection
	lag         time.Duration // of the change stream

	broken func(w *write) error // fails a write, if it is set

	// writing is held by who writes: the database here reads a document and
	// writes it as a whole, so that of two at once one is lost.
	writing sync.Mutex

	mu        sync.Mutex
	off       bool // no replica set
	connected map[ident.IMSI]bool
	stuck     map[ident.IMSI]bool // told that its card is unknown: away until it is switched off
	cancelled map[ident.IMSI]int
	hearing   sync.WaitGroup
}

// openEPC returns a driver whose database has a core behind it.
func openEPC(t *testing.T, more string) (*Core, *epc) {
	t.Helper()
	d := startDatabase(t)
	c := d.open(t, more)
	e := &epc{
		subscriberStore: c.store, t: t, subscribers: d.collection(t, "subscribers"), lag: 50 * time.Millisecond,
		connected: map[ident.IMSI]bool{}, stuck: map[ident.IMSI]bool{}, cancelled: map[ident.IMSI]int{},
	}
	c.store = e
	t.Cleanup(e.hearing.Wait)
	return c, e
}

func (e *epc) streams(context.Context) (bool, error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	return !e.off, nil
}

func (e *epc) write(ctx context.Context, writes []write) []error {
	errs := make([]error, len(writes))
	for i := range writes {
		if e.broken != nil {
			errs[i] = e.broken(&writes[i])
		}
		if errs[i] != nil {
			continue
		}
		before := e.field(writes[i].id, fieldCancel)
		e.writing.Lock()
		errs[i] = e.subscriberStore.write(ctx, writes[i:i+1])[0]
		e.writing.Unlock()
		if errs[i] != nil {
			continue
		}
		// Only what differs is a change.
		if before != true && get(writes[i].set, fieldCancel) == true {
			e.hearing.Go(func() { e.hear(writes[i].id) })
		}
	}
	return errs
}

func (e *epc) take(ctx context.Context, id any) (bson.Raw, error) {
	e.writing.Lock()
	defer e.writing.Unlock()
	return e.subscriberStore.take(ctx, id)
}

func (e *epc) field(id any, name string) any {
	if id == nil {
		return nil
	}
	var d bson.D
	if err := e.subscribers.FindOne(context.Background(), bson.D{{Key: "_id", Value: id}}).Decode(&d); err != nil {
		return nil
	}
	return get(d, name)
}

// hear is the HSS as it learns that a location is to be cancelled.
func (e *epc) hear(id any) {
	time.Sleep(e.lag) // the change is under way
	imsi, ok := e.field(id, "imsi").(string)
	if !ok {
		return // the document is gone, and with it whom this was about
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.off {
		return
	}
	e.cancelled[ident.IMSI(imsi)]++
	if e.connected[ident.IMSI(imsi)] {
		delete(e.connected, ident.IMSI(imsi))
		e.comeBack(ident.IMSI(imsi))
	}
}

// attach has the device come to the network.
func (e *epc) attach(imsi ident.IMSI) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.comeBack(imsi)
}

// restart switches a device off and on.
func (e *epc) restart(imsi ident.IMSI) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.stuck, imsi)
}

func (e *epc) comeBack(imsi ident.IMSI) bool {
	if e.stuck[imsi] {
		return false
	}
	e.writing.Lock()
	defer e.writing.Unlock()
	by := bson.D{{Key: "imsi", Value: string(imsi)}}
	var d bson.D
	_ = e.subscribers.FindOne(context.Background(), by).Decode(&d)
	if at(d, "security", "k") == nil {
		e.stuck[imsi] = true
		return false
	}
	sqn, _ := at(d, "security", "sqn").(int64)
	set := bson.D{
		{Key: "security.sqn", Value: sqn + 32}, {Key: "mme_host", Value: "mme.localdomain"},
		{Key: "mme_realm", Value: "localdomain"}, {Key: "purge_flag", Value: false}, {Key: "imeisv", Value: "4901542032375186"},
	}
	if _, err := e.subscribers.UpdateOne(context.Background(), by, bson.D{{Key: "$set", Value: set}}); err != nil {
		e.t.Error(err)
	}
	e.connected[imsi] = at(d, "slice", 0, "session", 0, "name") != nil
	return e.connected[imsi]
}

func (e *epc) isConnected(imsi ident.IMSI) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.connected[imsi]
}

func (e *epc) cancels(imsi ident.IMSI) int {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.cancelled[imsi]
}

// TestBarringTakesEffect is about an all-Open5GS core, which reads no barring
// flag: a device is off as soon as it is barred, stays so as it comes back at
// once, and gets in again without being switched off and on.
func TestBarringTakesEffect(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, "")
	p := fleet(1)[0]
	mustApply(t, c, p)
	if !e.attach(p.IMSI) {
		t.Fatal("a subscriber that may use everything cannot attach")
	}
	for round := 1; round <= 3; round++ {
		p.Barred = circuit | 1
		mustApply(t, c, p)
		waitFor(t, "the HSS to cancel the location", func() bool { return e.cancels(p.IMSI) == round })
		if e.isConnected(p.IMSI) || e.attach(p.IMSI) {
			t.Fatalf("round %d: a barred device is connected", round)
		}
		if e.stuck[p.IMSI] {
			t.Fatalf("round %d: the device was told that its card is unknown; it stays away until it is switched off", round)
		}
		p.Barred = 0
		mustApply(t, c, p)
		if !e.attach(p.IMSI) {
			t.Fatalf("round %d: the device does not get in again", round)
		}
	}
}

// TestBarringIsOneWrite has the HSS hear of a cut before anything else could be
// written: whom it detaches must find nothing already.
func TestBarringIsOneWrite(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, "")
	var writes []write
	p := fleet(1)[0]
	mustApply(t, c, p)
	e.attach(p.IMSI)
	e.broken = func(w *write) error { writes = append(writes, *w); return nil }
	p.Barred = 1
	mustApply(t, c, p)
	if len(writes) != 2 {
		t.Fatalf("%d writes", len(writes))
	}
	for field, want := range map[string]any{
		fieldCancel: true, fieldStatus: int32(1), fieldBarring: int32(1),
	} {
		if got := get(writes[0].set, field); got != want {
			t.Errorf("%s is set to %v; %v is due", field, got, want)
		}
	}
	if got, _ := get(writes[0].set, "slice.0.session").(bson.A); got == nil || len(got) != 0 {
		t.Errorf("the sessions are set to %v", got)
	}
	if len(writes[1].set) != 1 || get(writes[1].set, fieldCancel) != false {
		t.Errorf("then this is set: %v", writes[1].set)
	}
}

// TestCancelAfterACrash finds the request for a cancellation still set, by one
// who did not come to take it back: setting it again would be no change.
func TestCancelAfterACrash(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, "")
	p := fleet(1)[0]
	mustApply(t, c, p)
	e.attach(p.IMSI)
	_, err := e.subscribers.UpdateOne(t.Context(), bson.D{{Key: "imsi", Value: string(p.IMSI)}},
		bson.D{{Key: "$set", Value: bson.D{{Key: fieldCancel, Value: true}}}})
	if err != nil {
		t.Fatal(err)
	}
	p.Barred = 1
	mustApply(t, c, p)
	waitFor(t, "the device to be off", func() bool { return !e.isConnected(p.IMSI) })
	if e.field(document(t, e.subscribers, p.IMSI)[0].Value, fieldCancel) != false {
		t.Error("the request is not taken back")
	}
}

// TestRemovalWaitsForTheHSS removes subscribers that are attached: the HSS must
// have read their documents before these go, or it cancels nothing.
func TestRemovalWaitsForTheHSS(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, `,"settle":"500ms"`)
	batch := fleet(3)
	mustApply(t, c, batch...)
	e.attach(batch[0].IMSI)
	e.attach(batch[1].IMSI)
	remove(batch)
	mustApply(t, c, batch...)
	for _, p := range batch[:2] {
		if e.isConnected(p.IMSI) || e.cancels(p.IMSI) != 1 {
			t.Errorf("%s: connected is %v after %d cancellations", p.IMSI, e.isConnected(p.IMSI), e.cancels(p.IMSI))
		}
	}
	for _, p := range batch {
		if d := document(t, e.subscribers, p.IMSI); d != nil {
			t.Errorf("%s still has a document", p.IMSI)
		}
	}
}

// TestPushesOff has a database whose changes nobody hears of: it is said once,
// and nothing is waited for.
func TestPushesOff(t *testing.T) {
	t.Parallel()
	var log strings.Builder
	c, e := openEPC(t, `,"settle":"1m"`)
	c.log = logTo(&log)
	e.off = true
	batch := fleet(2)
	mustApply(t, c, batch...)
	e.attach(batch[0].IMSI)
	for _, barred := range []bool{true, false, true} {
		batch[0].Barred = 0
		if barred {
			batch[0].Barred = 1
		}
		mustApply(t, c, batch...)
	}
	remove(batch)
	mustApply(t, c, batch...)
	if strings.Count(log.String(), "pushes off") != 1 {
		t.Errorf("the log says %s", log.String())
	}
	possible, why, err := c.Pushes(t.Context())
	if err != nil || possible || !strings.HasPrefix(why, "pushes off") {
		t.Errorf("Pushes = %v, %q, %v", possible, why, err)
	}
	e.mu.Lock()
	e.off = false
	e.mu.Unlock()
	if possible, why, err = c.Pushes(t.Context()); err != nil || !possible || why != "" {
		t.Errorf("Pushes = %v, %q, %v", possible, why, err)
	}
}

// TestInspect asks a database that is no replica set, with and without the
// index that the core's console makes.
func TestInspect(t *testing.T) {
	t.Parallel()
	d := startDatabase(t)
	c := d.open(t, "")
	mustApply(t, c, fleet(1)...)
	got, err := c.Inspect(t.Context())
	if why := got.Conditions; err != nil || len(why) != 2 || !strings.HasPrefix(why[0], "pushes off") || !strings.Contains(why[1], "no index") {
		t.Fatalf("Inspect = %q, %v", got, err)
	}
	if !strings.HasPrefix(got.Software, "an Open5GS on MongoDB 7.") {
		t.Errorf("it is %q", got.Software)
	}
	if _, err := d.collection(t, "subscribers").Indexes().CreateOne(t.Context(), mongo.IndexModel{Keys: bson.D{{Key: "imsi", Value: 1}}}); err != nil {
		t.Fatal(err)
	}
	if got, err = c.Inspect(t.Context()); err != nil || len(got.Conditions) != 1 {
		t.Errorf("Inspect = %q, %v", got, err)
	}
	c.config.Info = []string{"http://127.0.0.1:1"}
	if got, err = c.Inspect(t.Context()); err != nil || len(got.Conditions) != 2 || !strings.Contains(got.Conditions[1], "no cut can be proved") {
		t.Errorf("Inspect = %q, %v", got, err)
	}
	d.hold(true)
	if got, err = c.Inspect(t.Context()); fault.KindOf(err) != fault.Unavailable {
		t.Errorf("with no database, Inspect = %q, %v", got, err)
	}
}

// TestCountNeverGoesBack follows the sequence number through a subscriber's
// life, with the HSS counting on all the while and a crash between taking a
// document away and keeping its last state.
func TestCountNeverGoesBack(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, `,"settle":"0s"`)
	p := fleet(1)[0]
	mustApply(t, c, p)
	last := int64(0)
	check := func(step string) {
		t.Helper()
		sqn, ok := at(document(t, e.subscribers, p.IMSI), "security", "sqn").(int64)
		if !ok || sqn < last {
			t.Fatalf("%s: the count is %d after %d", step, sqn, last)
		}
		last = sqn
	}
	for _, step := range []struct {
		name   string
		change func()
	}{
		{"barred", func() { p.Barred = 1 }},
		{"unbarred", func() { p.Barred = 0 }},
		{"another number", func() { p.MSISDN = "88299" }},
		{"new keys", func() { p.K[0]++; p.OPc[0]++ }},
	} {
		step.change()
		e.attach(p.IMSI)
		check("attached")
		mustApply(t, c, p)
		check(step.name)
	}
	for _, crash := range []bool{false, true} {
		e.attach(p.IMSI)
		check("attached")
		p.Present = false
		if crash {
			c.store = &crashing{e}
			if err := c.Apply(t.Context(), one(p))[0]; err == nil {
				t.Fatal("what was taken away is lost, and nobody says so")
			}
			c.store = e
		}
		mustApply(t, c, p)
		p.Present, p.K, p.OPc = true, ident.Key{}, ident.Key{} // the network has the keys itself
		mustApply(t, c, p)
		check("back again")
		if k, _ := at(document(t, e.subscribers, p.IMSI), "security", "k").(string); k == "" {
			t.Error("the keys are lost")
		}
		e.restart(p.IMSI) // without a settling time it may have heard that its card is unknown
		if !e.attach(p.IMSI) {
			t.Error("who is back again cannot attach")
		}
	}
}

// crashing is a store that is killed as it has taken a document away.
type crashing struct{ *epc }

func (c *crashing) take(ctx context.Context, id any) (bson.Raw, error) {
	if _, err := c.epc.take(ctx, id); err != nil {
		return nil, err
	}
	return nil, unreachable(nil)
}

// TestTheRestIsLeftAlone keeps what others wrote into a document through all
// that happens to it.
func TestTheRestIsLeftAlone(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, `,"settle":"0s"`)
	p := fleet(1)[0]
	mustApply(t, c, p)
	e.attach(p.IMSI)
	ims := bson.D{{Key: "name", Value: "ims"}, {Key: "type", Value: int32(1)}}
	set := bson.D{
		{Key: "slice.0.session.1", Value: ims}, {Key: "slice.0.session.0.qos.index", Value: int32(5)},
		{Key: "msisdn.1", Value: "4711"}, {Key: "note", Value: "pump 7"}, {Key: "ambr.downlink.value", Value: int32(7)},
	}
	if _, err := e.subscribers.UpdateOne(t.Context(), bson.D{{Key: "imsi", Value: string(p.IMSI)}}, bson.D{{Key: "$set", Value: set}}); err != nil {
		t.Fatal(err)
	}
	id := document(t, e.subscribers, p.IMSI)[0].Value
	for _, step := range []func(){
		func() { p.Barred = 1 }, func() { p.APN = "m2m" }, func() { p.Barred = 0 }, func() { p.MSISDN = "88211" },
		func() { p.Present = false }, func() { p.Present = true },
	} {
		step()
		mustApply(t, c, p)
	}
	d := document(t, e.subscribers, p.IMSI)
	for _, want := range []struct {
		is   any
		path []any
	}{
		{id, []any{"_id"}},
		{"m2m", []any{"slice", 0, "session", 0, "name"}},
		{int32(5), []any{"slice", 0, "session", 0, "qos", "index"}},
		{"ims", []any{"slice", 0, "session", 1, "name"}},
		{"88211", []any{"msisdn", 0}},
		{"4711", []any{"msisdn", 1}},
		{"pump 7", []any{"note"}},
		{int32(7), []any{"ambr", "downlink", "value"}},
		{"mme.localdomain", []any{"mme_host"}},
		{"4901542032375186", []any{"imeisv"}},
	} {
		if got := at(d, want.path...); got != want.is {
			t.Errorf("%v is %v, want %v", want.path, got, want.is)
		}
	}
	if slices.ContainsFunc(d, func(e bson.E) bool { return e.Key == fieldOurs }) {
		t.Error("what lay aside in the document is still there")
	}
}

// TestControl cancels the location of one who is connected: the device is let
// go and comes back at once. Of one who is not, or where nobody hears of it,
// nothing can be cancelled, and that is said.
func TestControl(t *testing.T) {
	t.Parallel()
	c, e := openEPC(t, "")
	p := fleet(1)[0]
	control := func() error { return c.Control(t.Context(), p, sim.Disconnect, nil) }
	if err := control(); fault.CodeOf(err) != "network.not_present" {
		t.Errorf("of one whom the core does not know: %v", err)
	}
	mustApply(t, c, p)
	if err := control(); fault.CodeOf(err) != "network.not_attached" {
		t.Errorf("of one who is not attached: %v", err)
	}
	e.attach(p.IMSI)
	for n := 1; n <= 2; n++ {
		if err := control(); err != nil {
			t.Fatal(err)
		}
		waitFor(t, "the HSS to cancel the location", func() bool { return e.cancels(p.IMSI) == n })
		waitFor(t, "the device to be back", func() bool { return e.isConnected(p.IMSI) })
	}
	mustHave(t, c, p)
	if cancel := at(document(t, e.subscribers, p.IMSI), fieldCancel); cancel != false {
		t.Errorf("the request is not taken back: %v", cancel)
	}
	e.mu.Lock()
	e.off = true
	e.mu.Unlock()
	if err := control(); fault.CodeOf(err) != "network.pushes_off" {
		t.Errorf("where nobody hears of it: %v", err)
	}
}
