package fleet

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"sync"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// pageKeySetting is where the key that page tokens are signed with lies, sealed:
// every node of one database takes the tokens of the others.
const pageKeySetting = "pages.key"

// BadPageToken is the code of the fault that a page token is not of the caller,
// or not of the list.
const BadPageToken = "page.token"

// PageToken returns an opaque token for a place in a list. Only the same
// caller, asking the same, gets back there with it.
func (s *Service) PageToken(ctx context.Context, r Request, asked string, place any) (string, error) {
	key, err := s.key(ctx, pageKeySetting)
	if err != nil {
		return "", err
	}
	body, err := json.Marshal(place)
	if err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(append(pageMark(key, &r, asked, body), body...)), nil
}

// PagePlace reads the place of a token. It fails with kind Invalid and
// BadPageToken for one that is forged, cut, another caller's or another list's.
func (s *Service) PagePlace(ctx context.Context, r Request, asked, token string, place any) error {
	key, err := s.key(ctx, pageKeySetting)
	if err != nil {
		return err
	}
	bad := &fault.Error{Kind: fault.Invalid, Code: BadPageToken,
		Fields: []fault.Field{{Name: "pageToken", Reason: "is not one that this list has handed to you; start again without it"}}}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(token)
	if err != nil || len(raw) < markSize {
		return bad
	}
	mark, body := raw[:markSize], raw[markSize:]
	if !hmac.Equal(mark, pageMark(key, &r, asked, body)) || json.Unmarshal(body, place) != nil {
		return bad
	}
	return nil
}

const markSize = 16

func pageMark(key []byte, r *Request, asked string, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	for _, part := range []string{r.Caller.Actor(), string(r.Caller.Portfolio), asked} {
		m.Write([]byte(part + "\x00"))
	}
	m.Write(body)
	return m.Sum(nil)[:markSize]
}

// keys remembers what has been read of them.
type keys struct {
	mu   sync.Mutex
	read map[string][]byte
}

// key returns a random key that lies in the database, sealed: every node has the
// same. The first one that asks makes it.
func (s *Service) key(ctx context.Context, setting string) ([]byte, error) {
	s.keys.mu.Lock()
	defer s.keys.mu.Unlock()
	if k := s.keys.read[setting]; k != nil {
		return k, nil
	}
	sealed, found, err := s.store.Setting(ctx, setting)
	if err != nil {
		return nil, err
	}
	if !found {
		fresh := make([]byte, sha256.Size)
		_, _ = rand.Read(fresh) // crypto/rand.Read never fails
		err := s.store.Write(ctx, func(tx Tx) (err error) {
			sealed, err = tx.SetOnce(ctx, setting, s.vault.Seal(setting, fresh))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	k, err := s.vault.Open(setting, sealed)
	if err == nil {
		s.keys.read[setting] = k
	}
	return k, err
}
