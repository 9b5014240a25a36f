package simapi

import (
	"context"
	"strconv"

	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Entry is one entry of a dictionary as the contract has it: its id is called
// after the dictionary, addressTypeId.
type Entry map[string]any

// EntryPage is a page of entries.
type EntryPage struct {
	PageToken         string  `json:"pageToken"`
	RequestedPageSize int     `json:"requestedPageSize"`
	ItemCount         int     `json:"itemCount"`
	NextPageToken     *string `json:"nextPageToken,omitempty"`
	Items             []Entry `json:"items"`
}

func entryOf(e *tenant.Entry) Entry {
	out := Entry{string(e.Dictionary) + "Id": e.ID, "name": e.Name, "title": e.Title, "status": LifeStatus(e.Status)}
	if e.Dictionary == tenant.UserTypes {
		out["role"] = orNull(e.Role)
	}
	return out
}

func entryPage(ctx context.Context, d tenant.Dictionary) (EntryPage, error) {
	x := of(ctx)
	out := EntryPage{PageToken: x.query.pageToken(), RequestedPageSize: x.query.pageSize()}
	all, err := x.fleet.Entries(ctx, x.request, d)
	if err != nil {
		return out, err
	}
	picked, err := pick(x, all, []column[tenant.Entry]{
		{string(d) + "Id", func(e *tenant.Entry) string { return strconv.FormatInt(e.ID, 10) }},
		{"name", func(e *tenant.Entry) string { return e.Name }},
		{"title", func(e *tenant.Entry) string { return e.Title }},
		{"status", func(e *tenant.Entry) string { return string(e.Status) }},
	})
	if err != nil {
		return out, err
	}
	page, next, err := cut(ctx, x, picked)
	out.Items, out.ItemCount, out.NextPageToken = each(page, entryOf), len(page), next
	return out, err
}

func getEntry(ctx context.Context, d tenant.Dictionary, id int64) (Entry, error) {
	x := of(ctx)
	e, err := x.fleet.Entry(ctx, x.request, d, id)
	return entryOf(&e), err
}

func createEntry(ctx context.Context, d tenant.Dictionary, b *EntryInput) (Entry, error) {
	x := of(ctx)
	e, err := x.fleet.CreateEntry(ctx, x.request, tenant.Entry{Dictionary: d, Name: b.Name, Title: b.Title})
	return entryOf(&e), err
}

func changeEntry(ctx context.Context, d tenant.Dictionary, id int64, b *EntryChange) (Entry, error) {
	x := of(ctx)
	if *b == (EntryChange{}) {
		return nil, errNothing
	}
	e, err := x.fleet.ChangeEntry(ctx, x.request, d, id, func(e *tenant.Entry) {
		set(b.Name, &e.Name)
		set(b.Title, &e.Title)
		set((*tenant.Status)(b.Status), &e.Status)
	})
	return entryOf(&e), err
}
