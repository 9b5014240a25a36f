package open5gs

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"go.mongodb.org/mongo-driver/v2/bson"
	"go.mongodb.org/mongo-driver/v2/mongo"
	"go.mongodb.org/mongo-driver/v2/mongo/options"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// subscriberStore is what the driver needs of the core's database: the
// documents that the core sees, and a place beside for those that it must not.
// Its errors are faults of kind Unavailable.
type subscriberStore interface {
	// find returns the documents of these subscribers, in any order.
	find(ctx context.Context, ids []ident.IMSI) ([]bson.Raw, error)

	// list returns up to limit documents with keys, in ascending order of their
	// IMSIs, after the given one.
	list(ctx context.Context, after ident.IMSI, limit int) ([]bson.Raw, error)

	// write makes the writes, in any order, and returns an error for each that
	// was not made.
	write(ctx context.Context, writes []write) []error

	// aside returns the documents that were put aside for these subscribers.
	aside(ctx context.Context, ids []ident.IMSI) ([]bson.Raw, error)

	// putAside keeps documents, in place of those kept for their subscribers.
	putAside(ctx context.Context, docs []bson.Raw) error

	// forget drops what is kept for these subscribers.
	forget(ctx context.Context, ids []ident.IMSI) error

	// take removes a document and returns it as it was last; nil where it is
	// gone already.
	take(ctx context.Context, id any) (bson.Raw, error)

	// streams reports whether others can be told of changes as they happen.
	streams(ctx context.Context) (bool, error)

	// indexed reports whether find need not read all documents.
	indexed(ctx context.Context) (bool, error)

	// version is that of the database.
	version(ctx context.Context) (string, error)

	close(ctx context.Context) error
}

// write is a new document, or fields of the one with that _id.
type write struct {
	insert     any
	id         any
	set, unset bson.D
}

// asideCollection lies beside the core's, and the core does not know it.
const asideCollection = "simurgh_aside"

// mongoStore is a subscriberStore on MongoDB.
type mongoStore struct {
	client      *mongo.Client
	subscribers *mongo.Collection
	kept        *mongo.Collection
	timeout     time.Duration // of each call
	most        int           // writes in one call
}

// mostWrites bounds a call, so that it is done long before its time is up.
const mostWrites = 500

// openMongo returns the store; it does not wait for the database.
func openMongo(c *Config, password string) (*mongoStore, error) {
	uri, err := c.withPassword(password)
	if err != nil {
		return nil, err
	}
	client, err := mongo.Connect(options.Client().SetMaxPoolSize(8).SetAppName("simurgh").ApplyURI(uri).
		SetTimeout(c.timeout).SetServerSelectionTimeout(c.timeout))
	if err != nil {
		// The error may repeat the address, which now holds the password.
		return nil, fault.InvalidField("uri", "is no address of a MongoDB")
	}
	db := client.Database(c.database)
	return &mongoStore{client: client, subscribers: db.Collection("subscribers"), kept: db.Collection(asideCollection), timeout: c.timeout, most: mostWrites}, nil
}

func (m *mongoStore) close(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	return m.client.Disconnect(ctx)
}

func (m *mongoStore) find(ctx context.Context, ids []ident.IMSI) ([]bson.Raw, error) {
	return m.all(ctx, m.subscribers, bson.D{{Key: "imsi", Value: in(ids)}})
}

func (m *mongoStore) list(ctx context.Context, after ident.IMSI, limit int) ([]bson.Raw, error) {
	return m.all(ctx, m.subscribers, bson.D{
		{Key: "imsi", Value: bson.D{{Key: "$gt", Value: string(after)}}},
		{Key: "security.k", Value: bson.D{{Key: "$exists", Value: true}}},
	}, options.Find().SetSort(bson.D{{Key: "imsi", Value: 1}}).SetLimit(int64(limit)))
}

func in(ids []ident.IMSI) bson.D {
	list := make(bson.A, len(ids))
	for i, id := range ids {
		list[i] = string(id)
	}
	return bson.D{{Key: "$in", Value: list}}
}

func (m *mongoStore) all(ctx context.Context, c *mongo.Collection, filter bson.D, opts ...options.Lister[options.FindOptions]) ([]bson.Raw, error) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	cursor, err := c.Find(ctx, filter, opts...)
	if err != nil {
		return nil, unreachable(err)
	}
	var out []bson.Raw
	if err := cursor.All(ctx, &out); err != nil {
		return nil, unreachable(err)
	}
	return out, nil
}

func (m *mongoStore) write(ctx context.Context, writes []write) []error {
	errs := make([]error, 0, len(writes))
	for part := range slices.Chunk(writes, m.most) {
		errs = append(errs, m.writeSome(ctx, part)...)
	}
	return errs
}

func (m *mongoStore) writeSome(ctx context.Context, writes []write) []error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	errs := make([]error, len(writes))
	models := make([]mongo.WriteModel, len(writes))
	updates := 0
	for i, w := range writes {
		if w.insert != nil {
			models[i] = mongo.NewInsertOneModel().SetDocument(w.insert)
			continue
		}
		updates++
		models[i] = mongo.NewUpdateOneModel().SetFilter(bson.D{{Key: "_id", Value: w.id}}).SetUpdate(w.update())
	}
	done, err := m.subscribers.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false))
	if b, ok := errors.AsType[mongo.BulkWriteException](err); ok && len(b.WriteErrors) > 0 && b.WriteConcernError == nil {
		for _, e := range b.WriteErrors {
			// The text of the error may hold what was written: keys.
			errs[e.Index] = failed(fmt.Errorf("write error %d", e.Code))
			if e.Code == duplicateKey {
				errs[e.Index] = failed(errDuplicate)
			}
		}
		return errs
	}
	if err != nil {
		return slices.Repeat([]error{unreachable(shorten(err))}, len(writes))
	}
	if done.MatchedCount != int64(updates) {
		m.findGone(ctx, writes, errs)
	}
	return errs
}

// findGone fails the updates whose document somebody took away meanwhile.
func (m *mongoStore) findGone(ctx context.Context, writes []write, errs []error) {
	for i, w := range writes {
		if w.insert != nil {
			continue
		}
		err := m.subscribers.FindOne(ctx, bson.D{{Key: "_id", Value: w.id}}).Err()
		if errors.Is(err, mongo.ErrNoDocuments) {
			err = errors.New("the document is gone")
		}
		if err != nil {
			errs[i] = failed(err)
		}
	}
}

// errDuplicate is that of a new document where there is one by now.
var errDuplicate = errors.New("there is such a document by now")

const duplicateKey = 11000 // the database's number for it

func (w *write) update() bson.D {
	var u bson.D
	if len(w.set) > 0 {
		u = append(u, bson.E{Key: "$set", Value: w.set})
	}
	if len(w.unset) > 0 {
		u = append(u, bson.E{Key: "$unset", Value: w.unset})
	}
	return u
}

// shorten keeps what a failed write says of itself and not of what it wrote.
func shorten(err error) error {
	if mongo.IsNetworkError(err) || mongo.IsTimeout(err) {
		return errors.New("the connection failed, or took too long")
	}
	if c, ok := errors.AsType[mongo.CommandError](err); ok {
		return fmt.Errorf("%s (%d)", c.Name, c.Code)
	}
	if w, ok := errors.AsType[mongo.WriteException](err); ok {
		return fmt.Errorf("write exception of %d errors", len(w.WriteErrors))
	}
	if b, ok := errors.AsType[mongo.BulkWriteException](err); ok {
		return fmt.Errorf("bulk write exception of %d errors", len(b.WriteErrors))
	}
	return err
}

func (m *mongoStore) aside(ctx context.Context, ids []ident.IMSI) ([]bson.Raw, error) {
	wrapped, err := m.all(ctx, m.kept, bson.D{{Key: "_id", Value: in(ids)}})
	var out []bson.Raw
	for _, w := range wrapped {
		if doc, ok := w.Lookup("document").DocumentOK(); ok {
			out = append(out, doc)
		}
	}
	return out, err
}

func (m *mongoStore) putAside(ctx context.Context, docs []bson.Raw) error {
	for part := range slices.Chunk(docs, m.most) {
		if err := m.putSomeAside(ctx, part); err != nil {
			return err
		}
	}
	return nil
}

func (m *mongoStore) putSomeAside(ctx context.Context, docs []bson.Raw) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	models := make([]mongo.WriteModel, len(docs))
	for i, d := range docs {
		imsi, _ := d.Lookup("imsi").StringValueOK()
		models[i] = mongo.NewReplaceOneModel().SetUpsert(true).SetFilter(bson.D{{Key: "_id", Value: imsi}}).
			SetReplacement(bson.D{{Key: "_id", Value: imsi}, {Key: "document", Value: d}})
	}
	if _, err := m.kept.BulkWrite(ctx, models, options.BulkWrite().SetOrdered(false)); err != nil {
		return unreachable(shorten(err))
	}
	return nil
}

func (m *mongoStore) forget(ctx context.Context, ids []ident.IMSI) error {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	if _, err := m.kept.DeleteMany(ctx, bson.D{{Key: "_id", Value: in(ids)}}); err != nil {
		return unreachable(err)
	}
	return nil
}

func (m *mongoStore) take(ctx context.Context, id any) (bson.Raw, error) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	doc, err := m.subscribers.FindOneAndDelete(ctx, bson.D{{Key: "_id", Value: id}}).Raw()
	if errors.Is(err, mongo.ErrNoDocuments) {
		return nil, nil
	}
	if err != nil {
		return nil, unreachable(err)
	}
	return doc, nil
}

// streams looks at what the database says of itself: only a member of a
// replica set, or what stands before several, has change streams.
func (m *mongoStore) streams(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	var hello struct {
		SetName string `bson:"setName"`
		Msg     string `bson:"msg"`
	}
	err := m.client.Database("admin").RunCommand(ctx, bson.D{{Key: "hello", Value: 1}}).Decode(&hello)
	if err != nil {
		return false, unreachable(err)
	}
	return hello.SetName != "" || hello.Msg == "isdbgrid", nil
}

func (m *mongoStore) version(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	var info struct {
		Version string `bson:"version"`
	}
	if err := m.client.Database("admin").RunCommand(ctx, bson.D{{Key: "buildInfo", Value: 1}}).Decode(&info); err != nil {
		return "", unreachable(err)
	}
	return info.Version, nil
}

// indexed reports whether the documents can be found without reading all.
func (m *mongoStore) indexed(ctx context.Context) (bool, error) {
	ctx, cancel := context.WithTimeout(ctx, m.timeout)
	defer cancel()
	indexes, err := m.subscribers.Indexes().ListSpecifications(ctx)
	if err != nil {
		return false, unreachable(err)
	}
	for _, i := range indexes {
		if keys, err := i.KeysDocument.Elements(); err == nil && len(keys) > 0 && keys[0].Key() == "imsi" {
			return true, nil
		}
	}
	return false, nil
}

// unreachable is what a caller hears when the core does not answer.
func unreachable(cause error) error {
	return fault.New(fault.Unavailable, "network.unreachable", "the network does not answer").Because(cause)
}

// failed is what a caller hears when the core answers that it could not do
// something. The cause is for the log and holds no key.
func failed(cause error) error {
	return fault.New(fault.Unavailable, "network.failed", "the network could not make the change").Because(cause)
}
