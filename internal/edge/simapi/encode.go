package simapi

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
)

// SIMs are what programs read most. They are written by hand, byte for byte as
// encoding/json writes them, in a fraction of its time.

// simAnswer is [GetSIM200JSONResponse], written by hand.
type simAnswer SIM

// written holds what answers of one SIM are written in. Who is sent one keeps
// nothing of it.
var written = sync.Pool{New: func() any { return new([]byte) }}

// VisitGetSIMResponse implements GetSIMResponseObject.
func (a *simAnswer) VisitGetSIMResponse(w http.ResponseWriter) error {
	b := written.Get().(*[]byte)
	defer written.Put(b)
	*b = append((*SIM)(a).append((*b)[:0]), '\n')
	return send(w, *b)
}

// simsAnswer is [ListSIMs200JSONResponse], written by hand.
type simsAnswer SIMPage

// VisitListSIMsResponse implements ListSIMsResponseObject.
func (a simsAnswer) VisitListSIMsResponse(w http.ResponseWriter) error {
	p := SIMPage(a)
	return send(w, append(p.append(make([]byte, 0, 1<<10*(1+len(p.Items)))), '\n'))
}

func send(w http.ResponseWriter, body []byte) error {
	w.Header()["Content-Type"] = ofJSON
	w.WriteHeader(http.StatusOK)
	_, err := w.Write(body)
	return err
}

// ofJSON is the type of an answer; nobody changes it.
var ofJSON = []string{"application/json"}

func (p *SIMPage) append(b []byte) []byte {
	b = strconv.AppendInt(append(b, `{"itemCount":`...), int64(p.ItemCount), 10)
	b = append(b, `,"items":[`...)
	for i := range p.Items {
		if i > 0 {
			b = append(b, ',')
		}
		b = p.Items[i].append(b)
	}
	b = optional(append(b, ']'), `,"nextPageToken":`, p.NextPageToken)
	b = appendText(append(b, `,"pageToken":`...), p.PageToken)
	b = strconv.AppendInt(append(b, `,"requestedPageSize":`...), int64(p.RequestedPageSize), 10)
	return append(b, '}')
}

func (s *SIM) append(b []byte) []byte {
	b = appendMoment(append(b, `{"activatedDate":`...), s.ActivatedDate)
	b = appendText(append(b, `,"adminSuspend":`...), string(s.AdminSuspend))
	if len(s.Attributes) > 0 {
		b = appendAttributes(append(b, `,"attributes":`...), s.Attributes)
	}
	b = appendText(append(b, `,"customerSuspend":`...), string(s.CustomerSuspend))
	b = appendText(append(b, `,"dataSuspend":`...), string(s.DataSuspend))
	b = appendTextOrNull(append(b, `,"eId":`...), s.EId)
	if s.History != nil {
		text, _ := json.Marshal(s.History) // texts and times always marshal
		b = append(append(b, `,"history":`...), text...)
	}
	b = appendText(append(b, `,"iccId":`...), s.IccId)
	b = strconv.AppendInt(append(b, `,"iccMnoId":`...), s.IccMnoId, 10)
	b = strconv.AppendInt(append(b, `,"iccSpecId":`...), s.IccSpecId, 10)
	b = strconv.AppendInt(append(b, `,"iccTypeId":`...), s.IccTypeId, 10)
	b = appendText(append(b, `,"messagingSuspend":`...), string(s.MessagingSuspend))
	b = optional(b, `,"pin1":`, s.Pin1)
	b = optional(b, `,"pin2":`, s.Pin2)
	b = s.PortfolioPackage.append(append(b, `,"portfolioPackage":`...))
	b = optional(b, `,"puk1":`, s.Puk1)
	b = optional(b, `,"puk2":`, s.Puk2)
	b = strconv.AppendInt(append(b, `,"rspId":`...), s.RspId, 10)
	b = appendText(append(b, `,"simId":`...), s.SimId)
	b = appendText(append(b, `,"status":`...), string(s.Status))
	b = appendText(append(b, `,"systemSuspend":`...), string(s.SystemSuspend))
	if s.TerminatedDate != nil {
		b = appendMoment(append(b, `,"terminatedDate":`...), s.TerminatedDate)
	}
	b = appendText(append(b, `,"voiceSuspend":`...), string(s.VoiceSuspend))
	return append(b, '}')
}

func (p *PortfolioPackage) append(b []byte) []byte {
	b = appendMoment(append(b, `{"contractEndDate":`...), p.ContractEndDate)
	b = appendMoment(append(b, `,"contractStartDate":`...), p.ContractStartDate)
	b = append(b, `,"packageId":`...)
	if p.PackageId == nil {
		b = append(b, "null"...)
	} else {
		b = strconv.AppendInt(b, *p.PackageId, 10)
	}
	b = optional(b, `,"packageTitle":`, p.PackageTitle)
	b = appendText(append(b, `,"portfolioId":`...), p.PortfolioId)
	b = optional(b, `,"portfolioTitle":`, p.PortfolioTitle)
	return append(b, '}')
}

func appendAttributes(b []byte, list []Attribute) []byte {
	for i := range list {
		a := &list[i]
		b = append(b, "[,"[min(i, 1)])
		b = appendText(append(b, `{"attribute":`...), a.Attribute)
		b = strconv.AppendInt(append(b, `,"iccAttributeId":`...), a.IccAttributeId, 10)
		b = appendText(append(b, `,"iccId":`...), a.IccId)
		b = appendText(append(b, `,"status":`...), string(a.Status))
		b = appendText(append(b, `,"value":`...), a.Value)
		b = append(b, '}')
	}
	return append(b, ']')
}

func appendMoment(b []byte, m *Moment) []byte {
	if m == nil {
		return append(b, "null"...)
	}
	return append(m.UTC().AppendFormat(append(b, '"'), wireTime), '"')
}

func appendTextOrNull(b []byte, s *string) []byte {
	if s == nil {
		return append(b, "null"...)
	}
	return appendText(b, *s)
}

// optional writes a member that is missing when it has no value.
func optional(b []byte, name string, s *string) []byte {
	if s == nil {
		return b
	}
	return appendText(append(b, name...), *s)
}

// appendText quotes a text. One with anything to escape is left to encoding/json.
func appendText(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c >= 0x7f || c == '"' || c == '\\' || c == '<' || c == '>' || c == '&' {
			text, _ := json.Marshal(s) // a text always marshals
			return append(b, text...)
		}
	}
	return append(append(append(b, '"'), s...), '"')
}
