package open5gs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
)

// Sessions returns the open sessions of a subscriber. Without an address of an
// SMF in the config it returns a fault of kind Unimplemented. The SMF can only
// list everybody's, so this is a question for one subscriber at a time.
func (o *Core) Sessions(ctx context.Context, imsi ident.IMSI) ([]network.Session, error) {
	if len(o.config.Info) == 0 {
		return nil, fault.New(fault.Unimplemented, "network.no_info", `the network's config names no "info" address to ask for sessions`)
	}
	open, err := o.openSessions(ctx, map[ident.IMSI]bool{imsi: true})
	return open[imsi], err
}

// openSessions returns the open sessions of those who are asked for, by
// reading everybody's.
func (o *Core) openSessions(ctx context.Context, asked map[ident.IMSI]bool) (map[ident.IMSI][]network.Session, error) {
	out := map[ident.IMSI][]network.Session{}
	for _, smf := range o.config.Info {
		for page, more := 0, true; more; page++ {
			var items []ueInfo
			var err error
			if items, more, err = o.infoPage(ctx, smf, page); err != nil {
				return nil, err
			}
			for _, item := range items {
				imsi := ident.IMSI(strings.TrimPrefix(item.SUPI, "imsi-"))
				for _, p := range item.PDU {
					if asked[imsi] {
						out[imsi] = append(out[imsi], p.session())
					}
				}
			}
		}
	}
	return out, nil
}

type ueInfo struct {
	SUPI string    `json:"supi"`
	PDU  []pduInfo `json:"pdu"`
}

type pduInfo struct {
	DNN   string `json:"dnn"` // 5G
	APN   string `json:"apn"` // 4G
	IPv4  string `json:"ipv4"`
	IPv6  string `json:"ipv6"`
	State string `json:"pdu_state"`
}

func (p *pduInfo) session() network.Session {
	s := network.Session{APN: p.DNN + p.APN, State: p.State}
	for _, text := range []string{p.IPv4, p.IPv6} {
		if a, err := netip.ParseAddr(text); err == nil {
			s.IPs = append(s.IPs, a)
		}
	}
	return s
}

// Bounds of the information interface: it gives at most 100 devices on a page.
const (
	infoPageSize = 100
	maxInfoPage  = 8 << 20
)

// infoPage reads one page. What does not fit the SMF's buffer it leaves out,
// answering "{}" for a page: that is an error here, not nobody.
func (o *Core) infoPage(ctx context.Context, smf string, page int) (items []ueInfo, more bool, err error) {
	ctx, cancel := context.WithTimeout(ctx, o.config.timeout)
	defer cancel()
	at, err := url.JoinPath(smf, "pdu-info")
	if err != nil {
		return nil, false, unreachable(err)
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("%s?page=%d&page_size=%d", at, page, infoPageSize), nil)
	if err != nil {
		return nil, false, unreachable(err)
	}
	answer, err := o.client.Do(r)
	if err != nil {
		return nil, false, unreachable(err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode != http.StatusOK {
		return nil, false, unreachable(fmt.Errorf("the information interface answers %s", answer.Status))
	}
	var body struct {
		Items []ueInfo `json:"items"`
		Pager *struct {
			Next      string `json:"next"`
			Truncated bool   `json:"truncated"`
		} `json:"pager"`
	}
	if err := json.NewDecoder(io.LimitReader(answer.Body, maxInfoPage)).Decode(&body); err != nil {
		return nil, false, unreachable(err)
	}
	if body.Pager == nil || body.Pager.Truncated {
		return nil, false, unreachable(errors.New("the information interface left devices out"))
	}
	return body.Items, body.Pager.Next != "", nil
}

// How cuts are proved: a detach takes a few hundred milliseconds, and longer
// where the device is asleep.
const (
	proofPatience = 3 * time.Second
	proofPause    = 100 * time.Millisecond
)

// prove waits until those whose data is barred have no session any more, and
// fails those who still have one. They are barred all the same, and cut again
// at the next try.
func (o *Core) prove(ctx context.Context, changes []*change) {
	if !o.config.proves() {
		return
	}
	barred := map[ident.IMSI]bool{}
	for _, c := range changes {
		if c.live() && c.has.present() && c.barsData() {
			barred[c.wanted.IMSI] = true
		}
	}
	if len(barred) == 0 {
		return
	}
	open, err := o.closing(ctx, barred)
	for _, c := range changes {
		switch {
		case !barred[c.wanted.IMSI]:
		case err != nil:
			c.fail(err)
		case len(open[c.wanted.IMSI]) > 0:
			c.fail(sessionOpen())
		}
	}
}

// closing returns the sessions that are still open after a while.
func (o *Core) closing(ctx context.Context, barred map[ident.IMSI]bool) (map[ident.IMSI][]network.Session, error) {
	for last := time.Now().Add(proofPatience); ; {
		open, err := o.openSessions(ctx, barred)
		if err != nil || len(open) == 0 || time.Now().After(last) {
			return open, err
		}
		timer := time.NewTimer(proofPause)
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return open, nil
		}
	}
}

// recut has those cut again who were barred before and are connected all the
// same.
func (o *Core) recut(ctx context.Context, changes []*change) {
	if !o.config.proves() {
		return
	}
	before := map[ident.IMSI]*change{}
	asked := map[ident.IMSI]bool{}
	for _, c := range changes {
		if c.live() && c.barsData() && c.has.present() && !c.cut && c.insert == nil {
			before[c.wanted.IMSI], asked[c.wanted.IMSI] = c, true
		}
	}
	if len(before) == 0 {
		return
	}
	open, err := o.openSessions(ctx, asked)
	for imsi, c := range before {
		if err != nil {
			c.fail(err)
		} else if len(open[imsi]) > 0 {
			c.cut = true
			c.set = with(c.set, fieldCancel, true)
		}
	}
}
