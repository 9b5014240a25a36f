package fleet

import (
	"context"
	"maps"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Together runs use cases as one: they are committed together, or not at all.
// They must go through the Service that do is handed, and an error of do undoes
// them. It may run more than once and must have no other effect.
func (s *Service) Together(ctx context.Context, do func(*Service) error) error {
	heard, held, cut := map[string]bool{}, &bearers{}, false
	err := s.store.Write(ctx, func(tx Tx) error {
		clear(heard)
		cut = false
		inner := *s
		inner.cut = func() { cut = true }
		inner.store, inner.bearers = within{tx, s.store}, &bearers{}
		held = inner.bearers
		inner.told = func(networks map[string]bool) { maps.Copy(heard, networks) }
		return do(&inner)
	})
	if held.forgot() {
		s.bearers.forget()
	}
	if err == nil && len(heard) > 0 {
		s.told(heard)
	}
	if err == nil && cut {
		s.cut()
	}
	return err
}

// within is a store whose transactions are part of one that is under way.
type within struct {
	Tx
	Journal
}

func (w within) Write(_ context.Context, fn func(Tx) error) error      { return fn(w.Tx) }
func (w within) WriteBulk(_ context.Context, fn func(Tx) error) error  { return fn(w.Tx) }
func (w within) WriteAgain(_ context.Context, fn func(Tx) error) error { return fn(w.Tx) }

// Once answers a request that carries a key: with the stored answer when it was
// answered before, else by running do as Together does and storing its answer
// with what it did. An error of do is not stored: it changed nothing. The
// requests of the use cases in do must carry no key.
func (s *Service) Once(ctx context.Context, r Request, do func(*Service) ([]byte, error)) ([]byte, error) {
	answer, err := s.replay(ctx, s.store, &r)
	if err != nil || answer != nil {
		return answer, err
	}
	err = s.Together(ctx, func(inner *Service) (err error) {
		tx, now := inner.store.(within).Tx, s.now()
		// The key is taken first: who comes with it meanwhile waits for the end
		// of this, instead of asking the same anew. What holds its place is over
		// as it is written, and makes way for the answer.
		if err := stored(tx.StoreAnswer(ctx, r.Caller.Actor(), r.Key, r.Asked, []byte{}, now, now)); err != nil {
			return err
		}
		if answer, err = do(inner); err != nil {
			return err
		}
		return tx.StoreAnswer(ctx, r.Caller.Actor(), r.Key, r.Asked, s.sealed(&r, answer), now, now.Add(AnswerLife))
	})
	if fault.CodeOf(err) != KeyTaken {
		return answer, err
	}
	// Another request with the same key was first.
	first, again := s.replay(ctx, s.store, &r)
	if again == nil && first == nil {
		return nil, err
	}
	return first, again
}

// stored tells the loss of a race for the key from conflicts of what was done.
func stored(err error) error {
	if err != nil && fault.KindOf(err) == fault.Conflict {
		return underWay().Because(err)
	}
	return err
}
