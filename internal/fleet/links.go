package fleet

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/netip"
	"strconv"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Way is which way the content of a file goes.
type Way string

// The ways.
const (
	Download Way = "download"
	Upload   Way = "upload"
)

// Link is the right to move the content of one file one way, without a token,
// for a while. It acts as the account that asked for it.
type Link struct {
	Way     Way
	Secret  string // who has it may do it
	Expires time.Time
}

// LinkLife is how long a link can be used. What has begun by then goes on.
const LinkLife = 15 * time.Minute

// Codes of the faults of OpenLink.
const (
	LinkWrong   = "link.wrong" // forged, cut, of another file or way, or of an account that may no longer do this
	LinkMissing = "link.missing"
)

// linkKeySetting is where the key that links are signed with lies, sealed.
const linkKeySetting = "links.key"

// maxLink bounds the text of a link that is looked at, in bytes.
const maxLink = 512

// linked is what a link says, and its signature covers.
type linked struct {
	File      int64             `json:"f"`
	Way       Way               `json:"w"`
	Portfolio ident.PortfolioID `json:"p"`
	Account   string            `json:"a"` // its id
	Expires   int64             `json:"e"` // seconds since 1970
}

func linkMark(key, body []byte) []byte {
	m := hmac.New(sha256.New, key)
	m.Write(body)
	return m.Sum(nil)
}

// FileLink returns a link to the content of a file that the caller may read, or
// upload. Only an account that is stored can have one.
func (s *Service) FileLink(ctx context.Context, r Request, id int64, way Way) (Link, error) {
	f, err := s.File(ctx, r, id)
	if err != nil {
		return Link{}, err
	}
	if way == Upload {
		if err := r.Caller.Needs(tenant.FileCreate); err != nil {
			return Link{}, err
		}
		err = mayUpload(&f)
	} else {
		err = readable(&f)
	}
	if err != nil {
		return Link{}, err
	}
	if r.Caller.Kind != tenant.ServiceAccount {
		return Link{}, fault.New(fault.Unimplemented, "link.account", "links are for service accounts")
	}
	key, err := s.key(ctx, linkKeySetting)
	if err != nil {
		return Link{}, err
	}
	expires := s.now().Add(LinkLife).Truncate(time.Second)
	body, err := json.Marshal(linked{id, way, f.Portfolio, r.Caller.ID, expires.Unix()})
	return Link{way, base64.RawURLEncoding.EncodeToString(append(linkMark(key, body), body...)), expires}, err
}

// OpenLink returns who a link to a file speaks for. One that is forged, cut,
// over, or made for another file, way or portfolio is refused in the same words,
// with kind Forbidden and LinkWrong; so is one whose account may no longer come
// in. No link at all is of kind Unauthenticated.
func (s *Service) OpenLink(ctx context.Context, secret string, id int64, way Way, from netip.Addr) (tenant.Bearer, error) {
	if secret == "" {
		return tenant.Bearer{}, fault.New(fault.Unauthenticated, LinkMissing, "the link is missing")
	}
	wrong := fault.New(fault.Forbidden, LinkWrong, "the link is not valid, or over; ask for another one")
	key, err := s.key(ctx, linkKeySetting)
	if err != nil {
		return tenant.Bearer{}, err
	}
	l, ok := readLink(key, secret)
	if !ok || l.File != id || l.Way != way || !s.now().Before(time.Unix(l.Expires, 0)) {
		return tenant.Bearer{}, wrong
	}
	b, err := s.linkBearer(ctx, &l, from)
	if err == nil {
		err = s.stillThere(ctx, &b, &l)
	}
	switch fault.KindOf(err) {
	case fault.NotFound, fault.Forbidden, fault.Unauthenticated:
		err = wrong
	case fault.Internal, fault.Invalid, fault.Conflict, fault.Precondition, fault.Exhausted, fault.Unavailable, fault.Unimplemented:
	}
	return b, err
}

func readLink(key []byte, secret string) (l linked, ok bool) {
	if len(secret) > maxLink {
		return l, false
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(secret)
	if err != nil || len(raw) < sha256.Size {
		return l, false
	}
	mark, body := raw[:sha256.Size], raw[sha256.Size:]
	return l, hmac.Equal(mark, linkMark(key, body)) && json.Unmarshal(body, &l) == nil
}

// stillThere refuses a link whose file its account does not see any more.
func (s *Service) stillThere(ctx context.Context, b *tenant.Bearer, l *linked) error {
	f, err := s.File(ctx, Request{Caller: b.Principal}, l.File)
	if err == nil && f.Portfolio != l.Portfolio {
		err = fault.Missing("file", strconv.FormatInt(l.File, 10))
	}
	return err
}

// linkBearer reads the account of a link as it is now: one that was disabled,
// moved or deleted meanwhile gets nowhere, nor does a foreign address.
func (s *Service) linkBearer(ctx context.Context, l *linked, from netip.Addr) (b tenant.Bearer, err error) {
	if b.Member, err = s.store.Member(ctx, tenant.Everything(), l.Account); err != nil {
		return b, err
	}
	if b.Home, err = s.store.Portfolio(ctx, tenant.Everything(), b.Portfolio); err != nil {
		return b, err
	}
	if b.Kind != tenant.ServiceAccount || !b.Live(s.now()) || b.Shut() != nil || b.Home.Status == tenant.Deleted || !welcome(&b, from) {
		return b, fault.New(fault.Forbidden, LinkWrong, "the account may not come in")
	}
	return b, nil
}
