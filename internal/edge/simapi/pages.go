package simapi

import (
	"cmp"
	"context"
	"maps"
	"net/url"
	"slices"
	"strings"
)

// asked names a list, whatever the page of it.
func (x *exchange) asked() string {
	rest := url.Values(maps.Clone(x.query))
	rest.Del("pageSize")
	rest.Del("pageToken")
	return x.route.name + " " + x.path + "?" + rest.Encode()
}

// place reads where a page starts; found is false on the first one.
func (x *exchange) place(ctx context.Context, to any) (found bool, err error) {
	if x.query.pageToken() == firstPage {
		return false, nil
	}
	return true, x.fleet.PagePlace(ctx, x.request, x.asked(), x.query.pageToken(), to)
}

// next returns the token of the page that starts at a place.
func (x *exchange) next(ctx context.Context, at any) (*string, error) {
	token, err := x.fleet.PageToken(ctx, x.request, x.asked(), at)
	return &token, err
}

// cut takes the page that is asked for out of a whole list.
func cut[T any](ctx context.Context, x *exchange, all []T) (page []T, next *string, err error) {
	from := 0
	if _, err := x.place(ctx, &from); err != nil {
		return nil, nil, err
	}
	to := min(from+x.query.pageSize(), len(all))
	page = all[min(from, len(all)):to]
	if to < len(all) {
		next, err = x.next(ctx, to)
	}
	return page, next, err
}

// column is a field that a list can be filtered, matched and sorted by.
type column[T any] struct {
	name string
	get  func(*T) string
}

// pick filters and sorts a whole list as the query says. Filters match exactly,
// but for the letters' case; matched fields match in part.
func pick[T any](x *exchange, all []T, columns []column[T]) ([]T, error) {
	find := func(name string) *column[T] {
		if i := slices.IndexFunc(columns, func(c column[T]) bool { return c.name == name }); i >= 0 {
			return &columns[i]
		}
		return nil
	}
	hows, err := x.matching(func(name string) bool { return find(name) != nil })
	if err != nil {
		return nil, err
	}
	orders, err := x.sorting(func(name string) bool { return find(name) != nil })
	if err != nil {
		return nil, err
	}
	out := slices.DeleteFunc(all, func(item T) bool {
		return slices.ContainsFunc(columns, func(c column[T]) bool {
			want, filtered := x.query[c.name]
			return filtered && !matches(strings.ToLower(c.get(&item)), strings.ToLower(want[0]), hows[c.name])
		})
	})
	slices.SortStableFunc(out, func(a, b T) int {
		for _, o := range orders {
			get := find(o.field).get
			if c := compare(get(&a), get(&b)); c != 0 {
				return c * o.sign
			}
		}
		return 0
	})
	return out, nil
}

// compare puts shorter numbers before longer ones, and texts in order.
func compare(a, b string) int {
	if digits(a) && digits(b) && len(a) != len(b) {
		return cmp.Compare(len(a), len(b))
	}
	return cmp.Compare(strings.ToLower(a), strings.ToLower(b))
}

func digits(s string) bool { return s != "" && strings.Trim(s, "0123456789") == "" }

func matches(value, want, how string) bool {
	switch how {
	case "S":
		return strings.HasPrefix(value, want)
	case "E":
		return strings.HasSuffix(value, want)
	case "C":
		return strings.Contains(value, want)
	}
	return value == want
}

// matching reads matchField and matchType: how each matched field matches.
func (x *exchange) matching(known func(string) bool) (map[string]string, error) {
	fields, types := words(x.query.text("matchField")), words(x.query.text("matchType"))
	out := map[string]string{}
	for i, f := range fields {
		if !known(f) || len(x.query[f]) != 1 || out[f] != "" {
			return nil, refusal(codeMatchField, f+" cannot be matched here: it is no filter, or is not given")
		}
		if i >= len(types) || !slices.Contains([]string{"S", "E", "C"}, strings.ToUpper(types[i])) {
			return nil, refusal(codeMatchType, "matchType must be S, E or C for each match field")
		}
		out[f] = strings.ToUpper(types[i])
	}
	if len(types) > len(fields) {
		return nil, refusal(codeMatchType, "there are more match types than match fields")
	}
	return out, nil
}

// order is one field of a sort; sign is -1 when it descends.
type order struct {
	field string
	sign  int
}

// sorting reads sortField and sortOrder. A field without an order ascends.
func (x *exchange) sorting(known func(string) bool) ([]order, error) {
	fields, orders := words(x.query.text("sortField")), words(x.query.text("sortOrder"))
	var out []order
	for i, f := range fields {
		if !known(f) {
			return nil, refusal(codeSortField, f+" cannot be sorted by")
		}
		o := order{f, 1}
		if i < len(orders) {
			switch strings.ToUpper(orders[i]) {
			case "A":
			case "D":
				o.sign = -1
			default:
				return nil, refusal(codeSortOrder, "sortOrder must be A or D for each sort field")
			}
		}
		out = append(out, o)
	}
	if len(orders) > len(fields) {
		return nil, refusal(codeSortOrder, "there are more sort orders than sort fields")
	}
	return out, nil
}

func words(s string) []string {
	if s == "" {
		return nil
	}
	out := strings.Split(s, ",")
	for i := range out {
		out[i] = strings.TrimSpace(out[i])
	}
	return out
}
