package fleet

import (
	"bytes"
	"context"
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
	asked, answer, found, err := from.StoredAnswer(ctx, r.Caller.Actor(), r.Key, s.now())
	if err != nil || !found {
		return nil, err
	}
	if !bytes.Equal(asked, r.Asked) {
		return nil, fault.New(fault.Conflict, "idempotency.reused", "the idempotency key was used for another request; use a new one")
	}
	return answer, nil
}

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
	return tx.StoreAnswer(ctx, r.Caller.Actor(), r.Key, r.Asked, answer, now, now.Add(AnswerLife))
}
