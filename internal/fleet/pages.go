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
	key, err := s.pageKey(ctx)
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
	key, err := s.pageKey(ctx)
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

// pageKeys remembers the key once it has been read.
type pageKeys struct {
	mu  sync.Mutex
	key []byte
}

func (s *Service) pageKey(ctx context.Context) ([]byte, error) {
	s.pages.mu.Lock()
	defer s.pages.mu.Unlock()
	if s.pages.key != nil {
		return s.pages.key, nil
	}
	sealed, found, err := s.store.Setting(ctx, pageKeySetting)
	if err != nil {
		return nil, err
	}
	if !found {
		fresh := make([]byte, sha256.Size)
		_, _ = rand.Read(fresh) // crypto/rand.Read never fails
		err := s.store.Write(ctx, func(tx Tx) (err error) {
			sealed, err = tx.SetOnce(ctx, pageKeySetting, s.vault.Seal(pageKeySetting, fresh))
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	s.pages.key, err = s.vault.Open(pageKeySetting, sealed)
	return s.pages.key, err
}
