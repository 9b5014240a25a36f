package drivertest

import (
	"net/netip"
	"slices"
	"sync"

	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/network"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

func add(f *fixture) {
	f.mustApply(f.fleet(3)...)
}

func applyAgain(f *fixture) {
	fleet := f.fleet(3)
	fleet[1].Barred = sim.AllServices
	fleet[2].Present = false
	for range 3 {
		f.mustApply(fleet...)
	}
}

func emptyBatch(f *fixture) {
	if got := f.Driver.Apply(f.Context(), nil); len(got) != 0 {
		f.Errorf("Apply of nothing = %v", got)
	}
	f.observe()
}

func largeBatch(f *fixture) {
	fleet := f.fleet(f.most(2000))
	f.mustApply(fleet...)
	f.mustApply(absent(fleet)...)
}

func everyChangeInOneBatch(f *fixture) {
	fleet := f.fleet(6)
	f.mustApply(fleet[:4]...)

	fleet[0] = absent(fleet[:1])[0]
	fleet[1].Barred = sim.AllServices
	fleet[2].MSISDN = f.subscriber().MSISDN
	fleet[5].Present = false
	f.mustApply(fleet...)
}

func remove(f *fixture) {
	fleet := f.fleet(3)
	f.mustApply(fleet...)
	f.mustApply(absent(fleet[:2])...)
	f.checkHas(fleet[2])
	f.mustApply(absent(fleet[:2])...)
}

func removeUnknown(f *fixture) {
	f.mustApply(absent(f.fleet(2))...)
}

func addAfterRemoval(f *fixture) {
	fleet := f.fleet(2)
	fleet[0].Barred = sim.AllServices
	for range 2 {
		f.mustApply(fleet...)
		f.mustApply(absent(fleet)...)
	}
	fleet[0].Barred = 0
	f.mustApply(fleet...)
}

func barAndUnbar(f *fixture) {
	fleet := f.fleet(2)
	f.mustApply(fleet...)
	for _, barred := range []sim.Services{sim.AllServices, 0, sim.AllServices} {
		fleet[0].Barred = barred
		f.mustApply(fleet[0])
	}
	f.checkHas(fleet...)
}

func barServices(f *fixture) {
	f.need(len(f.Bars) > 0, "the network bars no single services")
	p := f.subscriber()
	for _, barred := range slices.Concat(f.Bars, []sim.Services{sim.AllServices, f.Bars[0], 0}) {
		p.Barred = barred
		f.mustApply(p)
	}
}

// keys gives new ones, and then none, which leaves them as they are. They
// cannot be read back; the network must take both.
func keys(f *fixture) {
	p := f.subscriber()
	f.mustApply(p)
	p.K[0], p.OPc[0] = p.K[0]+1, p.OPc[0]+1
	f.mustApply(p)
	p.K, p.OPc = ident.Key{}, ident.Key{}
	p.Barred = sim.AllServices
	f.mustApply(p)
}

func apn(f *fixture) {
	f.need(f.Known&network.FieldAPN != 0, "the network does not read access points back")
	p := f.subscriber()
	for _, apn := range []string{f.APNs[0], f.APNs[1], "", f.APNs[1]} {
		p.APN = apn
		f.mustApply(p)
	}
}

func staticIP(f *fixture) {
	f.need(f.Known&network.FieldIP != 0, "the network does not read addresses back")
	p := f.subscriber()
	for _, ip := range []string{"10.45.0.17", "10.45.0.18"} {
		p.IP = netip.MustParseAddr(ip)
		f.mustApply(p)
	}
	p.IP = netip.Addr{}
	f.mustApply(p)
	if a := f.observe(p.IMSI)[0]; a.IP.IsValid() {
		f.Errorf("the static address %v is still there after it became dynamic", a.IP)
	}
}

func changeMSISDN(f *fixture) {
	p := f.subscriber()
	f.mustApply(p)
	for _, number := range []ident.MSISDN{f.subscriber().MSISDN, "", p.MSISDN} {
		p.MSISDN = number
		f.mustApply(p)
	}
}

// moveMSISDNInOneBatch hands a number on, with the subscriber that gives it up
// after the one that takes it, and before it.
func moveMSISDNInOneBatch(f *fixture) {
	fleet := f.fleet(2)
	f.mustApply(fleet...)
	first, second, spare := fleet[0].MSISDN, fleet[1].MSISDN, f.subscriber().MSISDN

	fleet[0].MSISDN, fleet[1].MSISDN = second, spare
	f.mustApply(fleet...)
	fleet[0].MSISDN, fleet[1].MSISDN = first, second
	f.mustApply(fleet...)
}

func moveMSISDNInTwoBatches(f *fixture) {
	fleet := f.fleet(2)
	f.mustApply(fleet...)
	number := fleet[0].MSISDN

	fleet[0].MSISDN = f.subscriber().MSISDN
	f.mustApply(fleet[0])
	fleet[1].MSISDN = number
	f.mustApply(fleet[1])
	f.checkHas(fleet...)
}

// moveMSISDNOfRemoved hands the number of a subscriber that goes to one that
// comes, as when a card is replaced.
func moveMSISDNOfRemoved(f *fixture) {
	fleet := f.fleet(2)
	f.mustApply(fleet[0])
	fleet[1].MSISDN = fleet[0].MSISDN
	f.mustApply(fleet[1], absent(fleet[:1])[0])
}

func swapMSISDNs(f *fixture) {
	fleet := f.fleet(3)
	f.mustApply(fleet...)
	a, b, c := fleet[0].MSISDN, fleet[1].MSISDN, fleet[2].MSISDN
	fleet[0].MSISDN, fleet[1].MSISDN, fleet[2].MSISDN = b, c, a
	f.mustApply(fleet...)
}

// concurrent applies and reads back disjoint batches at once; the race
// detector watches.
func concurrent(f *fixture) {
	const workers = 8
	size := f.most(workers*50) / workers
	fleet := f.fleet(workers * size)
	for _, barred := range []sim.Services{0, sim.AllServices} {
		for i := range fleet {
			fleet[i].Barred = barred
		}
		var wg sync.WaitGroup
		for w := range workers {
			part := fleet[w*size : (w+1)*size]
			wg.Go(func() {
				for _, err := range f.apply(f.Context(), part...) {
					if err != nil {
						f.Error(err)
					}
				}
				if _, err := f.Driver.Observe(f.Context(), imsis(part)); err != nil {
					f.Error(err)
				}
			})
		}
		wg.Wait()
		f.checkHas(fleet...)
	}
}
