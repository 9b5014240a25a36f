package fleet

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// AnswerLife is how long the answer to an idempotent request is kept.
const AnswerLife = 24 * time.Hour

// maxKey bounds what a caller may send as a key.
const maxKey = 255

// replay returns the stored answer to a request with a key that was answered
// before; nil when it has none. The same key with other contents is refused.
func (s *Service) replay(ctx context.Context, from AdminReader, r *Request) ([]byte, error) {
	if r.Key == "" {
		return nil, nil
	}
	if len(r.Key) > maxKey {
		return nil, fault.InvalidField("Idempotency-Key", "has %d characters; at most %d are allowed", len(r.Key), maxKey)
	}
	if strings.ContainsFunc(r.Key, func(c rune) bool { return c < ' ' || c > '~' }) {
		return nil, fault.InvalidField("Idempotency-Key", "has characters other than printable ASCII")
	}
	asked, answer, held, found, err := from.StoredAnswer(ctx, r.Caller.Actor(), r.Key, s.now())
	if err != nil || !found {
		return nil, err
	}
	if !bytes.Equal(asked, r.Asked) {
		return nil, fault.New(fault.Conflict, "idempotency.reused", "the idempotency key was used for another request; use a new one")
	}
	if !held.IsZero() {
		return nil, s.unanswered(held)
	}
	opened, err := s.vault.Open(answerLabel(r), answer)
	return append([]byte{}, opened...), err
}

// sealed is how an answer is stored: it may show a secret that is shown once.
func (s *Service) sealed(r *Request, answer []byte) []byte {
	return s.vault.Seal(answerLabel(r), answer)
}

func answerLabel(r *Request) string { return "answer " + r.Caller.Actor() + " " + r.Key }

// keep stores the answer in the transaction of what it answers, so that the one
// is never there without the other.
func (s *Service) keep(ctx context.Context, tx Tx, r *Request, result *Applied, render func(*Applied) ([]byte, error)) error {
	if r.Key == "" || render == nil {
		return nil
	}
	answer, err := render(result)
	if err != nil {
		return err
	}
	now := s.now()
	return tx.StoreAnswer(ctx, r.Caller.Actor(), r.Key, r.Asked, s.sealed(r, answer), now, now.Add(AnswerLife))
}

// HoldLife is how long a request may take that is carried out outside of a
// transaction.
const HoldLife = 30 * time.Second

// Codes of the faults about keys of requests that have no answer yet.
const (
	KeyTaken   = "idempotency.taken"   // it is under way
	KeyUnknown = "idempotency.unknown" // it was begun, and nobody knows what became of it
)

func underWay() *fault.Error {
	return fault.New(fault.Conflict, KeyTaken, "another request with the same idempotency key is under way; try again")
}

// unanswered says of a request that has no answer why.
func (s *Service) unanswered(held time.Time) error {
	if held.After(s.now()) {
		return underWay()
	}
	return fault.New(fault.Precondition, KeyUnknown, "a request with this idempotency key was begun at %s, and the server ended before it had an answer: "+
		"whether it was done is not known, and it is not done again; to ask anew, use a new key", held.Add(-HoldLife).Format(time.RFC3339))
}

// OnceOutside is Once for what is no part of a transaction, such as a call of a
// network: the key is taken first, do is called, and its answer is stored. An
// error of do is not stored, and lets go of the key. Whoever comes with the key
// meanwhile is refused with the code KeyTaken; when the process ends in
// between, with KeyUnknown, for as long as answers are kept. So do is called
// once, or its caller knows. It goes on when the caller has gone, for up to
// HoldLife.
func (s *Service) OnceOutside(ctx context.Context, r Request, do func(context.Context) ([]byte, error)) ([]byte, error) {
	answer, err := s.replay(ctx, s.store, &r)
	if err != nil || answer != nil {
		return answer, err
	}
	now := s.now()
	held, actor := now.Add(HoldLife), r.Caller.Actor()
	err = s.store.Write(ctx, func(tx Tx) error {
		return stored(tx.HoldKey(ctx, actor, r.Key, r.Asked, held, now, now.Add(AnswerLife)))
	})
	if fault.CodeOf(err) == KeyTaken { // another was first, and may be done
		if answer, again := s.replay(ctx, s.store, &r); again != nil || answer != nil {
			return answer, again
		}
	}
	if err != nil {
		return nil, err
	}
	ctx = context.WithoutCancel(ctx)
	within, cancel := context.WithTimeout(ctx, HoldLife)
	defer cancel()
	if answer, err = do(within); err != nil {
		return nil, errors.Join(err, s.store.Write(ctx, func(tx Tx) error { return tx.FreeKey(ctx, actor, r.Key, held) }))
	}
	return answer, s.store.Write(ctx, func(tx Tx) error { return tx.AnswerHeld(ctx, actor, r.Key, held, s.sealed(&r, answer)) })
}
