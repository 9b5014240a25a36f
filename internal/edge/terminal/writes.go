package terminal

import (
	"context"
	"net/http"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/fleet"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// targets reads which SIMs a write is about. ICCIDs are left as they are: whether
// the SIMs are there is found out when they are locked.
func (x *exchange) targets(ctx context.Context) ([]ident.ICCID, error) {
	s, err := x.p.selector()
	switch {
	case err != nil:
		return nil, err
	case len(s.iccids) > 0:
		return s.iccids, nil
	}
	list, err := x.chosen(ctx)
	return iccidsOf(list), err
}

// reply answers a write: with the SIM as it now is when there is one, with OK
// when there are several.
func (x *exchange) reply(ctx context.Context, status int, done *fleet.Applied, message string) (any, error) {
	if done.Refused {
		return nil, refused(done.Outcomes)
	}
	if len(done.Outcomes) != 1 || x.o.AlwaysOK {
		return answer{status, "OK"}, nil
	}
	list, err := x.views(ctx, []sim.SIM{done.Outcomes[0].SIM})
	if err != nil {
		return nil, err
	}
	list[0].Message = message
	return answer{status, list[0]}, nil
}

// edit changes what an owner may change at any time.
func (x *exchange) edit(ctx context.Context, e fleet.Edit) (any, error) {
	ids, err := x.targets(ctx)
	if err != nil {
		return nil, err
	}
	done, err := x.fleet.Apply(ctx, x.request, ids, func(fleet.Facts) (fleet.Edit, error) { return e, nil }, nil)
	if err != nil {
		return nil, err
	}
	return x.reply(ctx, http.StatusOK, done, "")
}

func setName(ctx context.Context, x *exchange) (any, error) {
	text := x.p.text("name")
	if text == "" {
		return nil, fault.InvalidField("name", "is missing or empty")
	}
	name, err := sim.ParseLabel("name", text, sim.MaxName)
	if err != nil {
		return nil, err
	}
	return x.edit(ctx, fleet.Edit{Name: &name})
}

func setGroup(ctx context.Context, x *exchange) (any, error) {
	if !x.p.has("group") {
		return nil, fault.InvalidField("group", "is missing; a blank one takes SIMs out of their group")
	}
	group := x.p.text("group")
	if why := badGroup(group); why != "" {
		return nil, &problem{http.StatusBadRequest, codeGroup, "the group name is not permitted: it " + why}
	}
	return x.edit(ctx, fleet.Edit{Group: &group})
}

// badGroup says why a name cannot be a group's; empty when it can. Some clients
// do not escape what they send, and a name with an ampersand would be cut.
func badGroup(name string) string {
	switch {
	case !utf8.ValidString(name):
		return "is not valid UTF-8"
	case utf8.RuneCountInString(name) > sim.MaxGroup:
		return "is longer than 255 characters"
	case strings.ContainsAny(name, "&,"):
		return "has an ampersand or a comma"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "has a control character"
	}
	return ""
}

func setDataLimit(ctx context.Context, x *exchange) (any, error) {
	if x.p.blank("limit") {
		return nil, fault.InvalidField("limit", "is missing")
	}
	limit, err := x.p.number("limit", 0, 0, fleet.MaxDataLimit)
	if err != nil {
		return nil, err
	}
	return x.edit(ctx, fleet.Edit{DataLimit: &limit, NotBelowUse: true})
}

// order makes the operation of an order.
func order(o sim.Order) func(context.Context, *exchange) (any, error) {
	return func(ctx context.Context, x *exchange) (any, error) {
		ids, err := x.targets(ctx)
		if err != nil {
			return nil, err
		}
		done, err := x.fleet.Order(ctx, x.request, ids, o, x.o.OldStatus)
		if err != nil {
			return nil, err
		}
		return x.reply(ctx, http.StatusAccepted, done, "")
	}
}

func reset(ctx context.Context, x *exchange) (any, error) {
	ids, err := x.targets(ctx)
	if err != nil {
		return nil, err
	}
	done, err := x.fleet.ResetSIMs(ctx, x.request, ids)
	if err != nil {
		return nil, err
	}
	return x.reply(ctx, http.StatusAccepted, done, "")
}

func sendSMS(ctx context.Context, x *exchange) (any, error) {
	ids, err := x.targets(ctx)
	if err != nil {
		return nil, err
	}
	field, text := "sms", ""
	for _, name := range []string{"sms", "message"} {
		if text == "" && x.p.has(name) {
			field, text = name, x.p[name][0]
		}
	}
	done, err := x.fleet.SendSMS(ctx, x.request, ids, field, text)
	if err != nil {
		return nil, err
	}
	return x.reply(ctx, http.StatusAccepted, done, "SMS queued")
}

var profileActions = map[string]sim.ErrandKind{
	"enable": sim.EnableProfile, "delete": sim.DeleteProfile, "download": sim.DownloadProfile, "download_and_enable": sim.InstallProfile,
}

func esimProfile(ctx context.Context, x *exchange) (any, error) {
	ids, err := x.targets(ctx)
	if err != nil {
		return nil, err
	}
	name, action := x.p.text("profile"), x.p.text("action")
	kind, known := profileActions[action]
	var errs []error
	if !known {
		errs = append(errs, fault.InvalidField("action", "is %q; enable, delete, download or download_and_enable is needed", clip(action)))
	}
	if name == "" || utf8.RuneCountInString(name) > fleet.MaxProfileName {
		errs = append(errs, fault.InvalidField("profile", "is missing or longer than %d characters", fleet.MaxProfileName))
	}
	if err := fault.Join(errs...); err != nil {
		return nil, err
	}
	done, err := x.fleet.ChangeProfile(ctx, x.request, ids, kind, name)
	if err != nil {
		return nil, err
	}
	return x.reply(ctx, http.StatusAccepted, done, "")
}

func setIMEILock(ctx context.Context, x *exchange) (any, error) {
	ids, err := x.targets(ctx)
	if err != nil {
		return nil, err
	}
	if x.p.blank("locked") {
		return nil, fault.InvalidField("locked", "is missing; true or false is needed")
	}
	bind, err := x.p.flag("locked")
	if err != nil {
		return nil, err
	}
	var imei ident.IMEI
	if text := x.p.text("imei"); bind && text != "" {
		if imei, err = ident.ParseIMEI(text); err != nil {
			return nil, err
		}
	}
	done, err := x.fleet.LockDevice(ctx, x.request, ids, bind, imei)
	if err != nil {
		return nil, err
	}
	return x.reply(ctx, http.StatusOK, done, "")
}
