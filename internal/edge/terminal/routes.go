package terminal

import (
	"context"
	"net/http"

	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// route is one operation of the contract.
type route struct {
	name    string // as the path ends
	writes  bool
	feature tenant.Features // that the call is about; 0 for none
	do      func(context.Context, *exchange) (any, error)
}

// method is the one that the contract names. POST is taken, too.
func (r *route) method() string {
	if r.writes {
		return http.MethodPut
	}
	return http.MethodGet
}

// routes are the operations by the end of their path.
var routes = index([]route{
	{name: "get_account_sims", do: accountSIMs},
	{name: "get_account_groups", do: accountGroups},
	{name: "get_account_balance", do: accountBalance},
	{name: "get_account_alerts", do: accountAlerts},
	{name: "get_available_profiles", feature: tenant.FeatureESIM, do: availableProfiles},
	{name: "get_group_sims", do: groupSIMs},
	{name: "get_group_alerts", do: groupAlerts},
	{name: "get_sim", do: oneSIM},
	{name: "get_sims", do: someSIMs},
	{name: "get_sim_sessions", do: simSessions},
	{name: "get_sim_cost", do: simCost},
	{name: "get_sim_costs", do: simCosts},
	{name: "get_sim_alerts", do: simAlerts},
	{name: "diagnostics", feature: tenant.FeatureDiagnostics, do: diagnostics},
	{name: "get_sim_sms", do: simMessages},
	{name: "get_sim_log", do: simLog},
	{name: "me", do: me},

	{name: "set_name", writes: true, do: setName},
	{name: "set_group", writes: true, do: setGroup},
	{name: "set_data_limit", writes: true, do: setDataLimit},
	{name: "activate", writes: true, do: order(sim.ToLive)},
	{name: "deactivate", writes: true, do: order(sim.ToOffline)},
	{name: "suspend", writes: true, do: order(sim.Pause)},
	{name: "resume", writes: true, do: order(sim.Unpause)},
	{name: "test", writes: true, do: order(sim.ToTest)},
	{name: "active_ready", writes: true, do: order(sim.ToReady)},
	{name: "close", writes: true, do: order(sim.ToClosed)},
	{name: "reset", writes: true, do: reset},
	{name: "sendSms", writes: true, feature: tenant.FeatureSMS, do: sendSMS},
	{name: "send_sms", writes: true, feature: tenant.FeatureSMS, do: sendSMS},
	{name: "esim_profile", writes: true, feature: tenant.FeatureESIM, do: esimProfile},
	{name: "set_imei_lock", writes: true, feature: tenant.FeatureIMEILock, do: setIMEILock},
	{name: "mark_alerts_read", writes: true, do: markAlerts},
})

func index(list []route) map[string]*route {
	out := make(map[string]*route, len(list))
	for i := range list {
		out[list[i].name] = &list[i]
	}
	return out
}
