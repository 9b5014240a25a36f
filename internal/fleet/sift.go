package fleet

import (
	"context"
	"hash/maphash"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// sift looks at each row of a chunk against what is stored and what came before
// it, and stores the fresh ones, unless this is a dry run. Rows that collide
// are marked as rejected.
func (im *importing) sift(ctx context.Context, rows []sourceRow) (fresh []sim.NewSIM, unchanged int, err error) {
	err = im.s.store.WriteBulk(ctx, func(tx Tx) error {
		fresh, unchanged = nil, 0
		sf, err := im.sieve(ctx, tx, rows)
		if err != nil {
			return err
		}
		for i := range rows {
			r := &rows[i]
			if r.rejected != nil {
				continue
			}
			same, bad := sf.look(r)
			switch {
			case bad != nil:
				r.rejected = bad
			case same:
				unchanged++
			default:
				fresh = append(fresh, r.new)
				sf.take(r)
			}
		}
		if im.in.DryRun {
			return nil
		}
		return im.insert(ctx, tx, fresh)
	})
	return fresh, unchanged, err
}

// sieve knows which identifiers are taken, and by whom.
type sieve struct {
	im      *importing
	taken   map[string]ident.ICCID // "imsi 2341..." to the owner
	stored  map[ident.ICCID]*sim.SIM
	secrets map[ident.ICCID]sim.Secrets
	chunk   map[ident.ICCID]*sourceRow
}

func (im *importing) sieve(ctx context.Context, tx Tx, rows []sourceRow) (*sieve, error) {
	sf := &sieve{im: im, stored: map[ident.ICCID]*sim.SIM{}, secrets: map[ident.ICCID]sim.Secrets{}, chunk: map[ident.ICCID]*sourceRow{}}
	var all []sim.NewSIM
	for _, r := range rows {
		if r.rejected == nil {
			all = append(all, r.new)
		}
	}
	var err error
	if sf.taken, err = tx.Taken(ctx, all); err != nil {
		return nil, err
	}
	var owners []ident.ICCID
	for _, n := range all {
		if _, ok := sf.taken["iccid "+string(n.SIM.ICCID)]; ok {
			owners = append(owners, n.SIM.ICCID)
		}
	}
	sims, err := tx.Lock(ctx, im.r.Caller.Sphere, owners)
	if err != nil {
		return nil, err
	}
	ids := make([]int64, len(sims))
	for i := range sims {
		ids[i], sf.stored[sims[i].ICCID] = sims[i].ID, &sims[i]
	}
	sealed, err := tx.Sealed(ctx, ids)
	if err != nil {
		return nil, err
	}
	for i := range sims {
		if sf.secrets[sims[i].ICCID], err = im.s.vault.OpenSecrets(sims[i].ICCID, sealed[sims[i].ID]); err != nil {
			return nil, err
		}
	}
	return sf, nil
}

// look says whether a row is there already and the same, or why it cannot be
// taken.
func (sf *sieve) look(r *sourceRow) (same bool, bad *RowRejected) {
	s := r.new.SIM
	if first := sf.chunk[s.ICCID]; first != nil {
		return sf.compare(r, first.new.SIM, first.secrets)
	}
	if _, ok := sf.taken["iccid "+string(s.ICCID)]; ok {
		stored := sf.stored[s.ICCID]
		if stored == nil {
			return false, reject(r.line, "iccid", "belongs to another account")
		}
		if stored.Portfolio != s.Portfolio {
			return false, reject(r.line, "iccid", "is in portfolio %s already", stored.Portfolio)
		}
		return sf.compare(r, stored, sf.secrets[s.ICCID])
	}
	for field, value := range map[string]string{"imsi": string(s.IMSI), "msisdn": string(s.MSISDN)} {
		if owner, ok := sf.taken[field+" "+value]; ok && value != "" {
			if !sf.im.r.Caller.Sphere.All() && sf.stored[owner] == nil && sf.chunk[owner] == nil {
				return false, reject(r.line, field, "belongs to another SIM already")
			}
			return false, reject(r.line, field, "belongs to SIM %s already", owner)
		}
	}
	return false, sf.repeated(r)
}

// repeated finds rows of a dry run that name what an earlier chunk named.
func (sf *sieve) repeated(r *sourceRow) *RowRejected {
	s := r.new.SIM
	for field, value := range map[string]string{"iccid": string(s.ICCID), "imsi": string(s.IMSI), "msisdn": string(s.MSISDN)} {
		if value != "" && sf.im.seen.has(field, value) {
			return reject(r.line, field, "stands in the file before")
		}
	}
	return nil
}

// compare holds a row against the SIM that is there under its ICCID. Labels may
// have been changed by their owner since, so they are not compared; neither is
// a number or a key that the row leaves out.
func (sf *sieve) compare(r *sourceRow, s *sim.SIM, secrets sim.Secrets) (bool, *RowRejected) {
	n := r.new.SIM
	for _, f := range []struct{ name, is, stored string }{
		{"imsi", string(n.IMSI), string(s.IMSI)}, {"msisdn", string(n.MSISDN), string(s.MSISDN)}, {"eid", string(n.EID), string(s.EID)},
	} {
		if f.is != "" && f.is != f.stored {
			return false, reject(r.line, f.name, "is %s, but the SIM is stored with %q", f.is, f.stored)
		}
	}
	for _, k := range []struct {
		name       string
		is, stored ident.Key
	}{{"ki", r.secrets.K, secrets.K}, {"opc", r.secrets.OPc, secrets.OPc}} {
		if !k.is.IsZero() && k.is != k.stored {
			return false, reject(r.line, k.name, "differs from the key that is stored")
		}
	}
	return true, nil
}

// take notes a fresh row, so that later ones are held against it.
func (sf *sieve) take(r *sourceRow) {
	s := r.new.SIM
	sf.chunk[s.ICCID] = r
	for field, value := range map[string]string{"iccid": string(s.ICCID), "imsi": string(s.IMSI), "msisdn": string(s.MSISDN)} {
		if value == "" {
			continue
		}
		sf.taken[field+" "+value] = s.ICCID
		sf.im.seen.add(field, value)
	}
}

// seen remembers the identifiers of a dry run by 64-bit hashes, so that a
// million rows take tens of megabytes. Two identifiers of so many share a hash
// once in ten million runs. A nil seen remembers nothing.
type seen struct {
	seed   maphash.Seed
	hashes map[uint64]struct{}
}

func newSeen() *seen { return &seen{seed: maphash.MakeSeed(), hashes: map[uint64]struct{}{}} }

func (s *seen) hash(field, value string) uint64 { return maphash.String(s.seed, field+" "+value) }

func (s *seen) has(field, value string) bool {
	if s == nil {
		return false
	}
	_, ok := s.hashes[s.hash(field, value)]
	return ok
}

func (s *seen) add(field, value string) {
	if s != nil {
		s.hashes[s.hash(field, value)] = struct{}{}
	}
}
