package fleet

import (
	"context"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// Codes are the PINs and PUKs of one SIM.
type Codes struct{ PIN1, PUK1, PIN2, PUK2 ident.PIN }

// Codes returns the codes of SIMs that the caller has read, by their internal
// ids, to a caller with the permission for secrets; to others none.
func (s *Service) Codes(ctx context.Context, r Request, sims []sim.SIM) (map[int64]Codes, error) {
	if len(sims) == 0 || !r.Caller.May.Has(tenant.SIMSecretGet) {
		return nil, nil
	}
	ids := make([]int64, len(sims))
	for i := range sims {
		ids[i] = sims[i].ID
	}
	sealed, err := s.store.Sealed(ctx, ids)
	if err != nil {
		return nil, err
	}
	out := make(map[int64]Codes, len(sealed))
	for i := range sims {
		secrets, err := s.vault.OpenSecrets(sims[i].ICCID, sealed[sims[i].ID])
		if err != nil {
			return nil, err
		}
		out[sims[i].ID] = Codes{secrets.PIN1, secrets.PUK1, secrets.PIN2, secrets.PUK2}
	}
	return out, nil
}

// CodeTags returns what SIMs with these codes are found by.
func (s *Service) CodeTags(r Request, c Codes) ([]sim.Tag, error) {
	if err := r.Caller.Needs(tenant.SIMSecretGet); err != nil {
		return nil, err
	}
	return s.vault.Tags(sim.Secrets{PIN1: c.PIN1, PUK1: c.PUK1, PIN2: c.PIN2, PUK2: c.PUK2}), nil
}
