package simapi_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// bodies are requests that would be carried out, were the SIM the caller's.
var bodies = map[string]string{
	"createAddressType": `{"name":"x","title":"x"}`, "changeAddressType": `{"name":"x"}`,
	"createBusinessCode": `{"name":"x","title":"x"}`, "changeBusinessCode": `{"name":"x"}`,
	"createIndustrySector": `{"name":"x","title":"x"}`, "changeIndustrySector": `{"name":"x"}`,
	"createInvoicingEntity": `{"name":"x","title":"x"}`, "changeInvoicingEntity": `{"name":"x"}`,
	"createJobTitle": `{"name":"x","title":"x"}`, "changeJobTitle": `{"name":"x"}`,
	"createPaymentMethod": `{"name":"x","title":"x"}`, "changePaymentMethod": `{"name":"x"}`,
	"createTaxCode": `{"name":"x","title":"x"}`, "changeTaxCode": `{"name":"x"}`,
	"createUserType": `{"name":"x","title":"x"}`, "changeUserType": `{"name":"x"}`,

	"changeSIM": `{"customerSuspend":"yes"}`, "swapSIM": `{"newIccId":"<stock>"}`, "changeAssignment": `{"packageId":6686}`, "changeAssignmentRecord": `{"packageId":6686}`,
	"createAttributes": `{"attribute":"field1","value":"x"}`, "changeAttribute": `{"value":"x"}`, "requestWget": `{"path":"/"}`, "requestSMS": `{"message":"x"}`,
	"requestOTA": `{"campaign":[{"file":"x"}]}`, "changeCollection": `{"name":"x"}`, "addCollected": `{"iccList":[{"iccId":"<child>"}]}`, "replaceCollected": `{"iccList":[]}`,
	"changePortfolio": `{"name":"x"}`, "createUser": userInput(`"username":"somebody","password":"correct horse","emailAddress":"a@b"`), "changeUser": `{"firstName":"x"}`,
	"addUserPermission": `{"title":"viewer"}`, "changeUserPermission": `{"status":"deleted"}`, "createServiceAccount": `{"emailAddress":"a@b"}`,
	"changeServiceAccount": `{"firstName":"x"}`, "changePackage": `{"name":"x"}`, "createPackageItem": `{"packageItemCategoryId":122}`,
	"changePackageItem": `{"bundleAmount":1}`, "createPackagePortfolio": `{"portfolioId":"<A>"}`, "changePackagePortfolio": `{"adminSuspend":"yes"}`,
	"createCollection": `{"name":"x","title":"x","portfolioId":"<A>"}`, "createPortfolio": portfolioInput(`"name":"x","parentPortfolioId":"<A>"`), "createPackage": `{"name":"x","portfolios":["<A>"]}`,
	"createFile": `{"name":"x","portfolioId":"<A>"}`, "uploadFile": "iccId,value\n1,2\n", "createJob": `{"type":"update-icc-status","name":"x","portfolioId":"<A>","fileId":1}`,
	"changeJob": `{"status":"cancelled"}`, "createPortfolioAttributes": `{"attribute":"x"}`, "changePortfolioAttribute": `{"value":"x"}`, "createUserAttributes": `{"attribute":"x"}`,
	"changeUserAttribute": `{"value":"x"}`, "createPackageAttributes": `{"attribute":"x"}`, "changePackageAttribute": `{"value":"x"}`, "createPackageItemAttributes": `{"attribute":"x"}`,
	"changePackageItemAttribute": `{"value":"x"}`, "createPortfolioAddress": address, "changePortfolioAddress": `{"city":"x"}`, "createPortfolioAddressAttributes": `{"attribute":"x"}`,
	"createPortal": `{"name":"x","title":"x","portfolioId":"<A>"}`, "changePortal": `{"name":"x"}`, "createPortalAttributes": `{"attribute":"x"}`, "changePortalAttribute": `{"value":"x"}`,
	"changePortfolioAddressAttribute": `{"value":"x"}`, "createInvoicingEntityAttributes": `{"attribute":"x"}`, "changeInvoicingEntityAttribute": `{"value":"x"}`,
}

// address is what an account needs to be active.
const address = `{"addressTypeId":1,"name":"Acme","addressLine1":"1 Main Street","city":"Leeds","countryCode":"gb"}`

// things are what stands in a path: of A, and what nobody has. They are of one
// length, so that answers that repeat them can be compared.
func (w *world) things() (ours, nobodys map[string]string) {
	w.t.Helper()
	item := w.made(operator, "/package/6691/packageItem", `{"packageItemCategoryId":105}`, "packageItemId")
	token := must(w.Fleet.Tokens(w.t.Context(), w.op, folios["A"], w.secrets[engineer].id))[0].ID
	file := w.made(engineer, "/file", `{"name":"things","portfolioId":"<A>"}`, "fileId")
	job := w.made(engineer, "/job", `{"type":"update-icc-status","name":"things","portfolioId":"<A>","fileId":`+file+`}`, "jobId")
	attribute := func(path, member string) string {
		return w.made(operator, fill(path)+"/attribute", `{"attribute":"things","value":"1"}`, member)
	}
	folioAddress := w.made(operator, fill("/portfolio/<A>/portfolioAddress"), address, "portfolioAddressId")
	portal := w.made(operator, "/portal", `{"name":"Things","title":"things","portfolioId":"<A>"}`, "portalId")
	ours = map[string]string{
		"portalId": portal, "portalAttributeId": attribute("/portal/"+portal, "portalAttributeId"),
		"portfolioAddressId": folioAddress, "portfolioAddressAttributeId": attribute("/portfolio/<A>/portfolioAddress/"+folioAddress, "portfolioAddressAttributeId"),
		"portfolioAttributeId": attribute("/portfolio/<A>", "portfolioAttributeId"), "packageAttributeId": attribute("/package/6691", "packageAttributeId"),
		"userAttributeId":        attribute("/portfolio/<A>/user/"+w.secrets[engineer].id, "userAttributeId"),
		"packageItemAttributeId": attribute("/package/6691/packageItem/"+item, "packageItemAttributeId"),
		"fileId":                 file, "jobId": job,
		"iccId": string(iccid("live")), "msisdnId": string(w.sim("live").MSISDN), "iccPortfolioPackageId": fmt.Sprint(w.sim("live").ID),
		"iccAttributeId": fmt.Sprint(w.add("orderId", "1").IccAttributeID), "iccCollectionId": strings.TrimPrefix(w.collection(`{"name":"t","title":"t","portfolioId":"<A>"}`), "/iccCollection/"),
		"portfolioId": string(folios["A"]), "userId": w.secrets[engineer].id, "clientId": w.secrets[engineer].id, "userPermissionId": "12", "tokenId": fmt.Sprint(token),
		"packageId": "6691", "packageItemId": item, "packagePortfolioId": string(folios["A"]),
	}
	nobodys = map[string]string{"iccId": string(iccid(missing)), "msisdnId": "447700999999", "portfolioId": strings.Repeat("d", 32), "userId": strings.Repeat("e", 32),
		"clientId": strings.Repeat("e", 32), "packageId": "9999", "packagePortfolioId": strings.Repeat("d", 32), "userPermissionId": "12", "tokenId": fmt.Sprint(token),
		"iccAttributeId": ours["iccAttributeId"], "packageItemId": item, "iccPortfolioPackageId": "999999999", "iccCollectionId": "999999999", "fileId": "999999999", "jobId": "999999999",
		"portfolioAttributeId": ours["portfolioAttributeId"], "userAttributeId": ours["userAttributeId"], "packageAttributeId": ours["packageAttributeId"],
		"packageItemAttributeId": ours["packageItemAttributeId"]}
	nobodys["portalId"], nobodys["portalAttributeId"] = strings.Repeat("d", 32), ours["portalAttributeId"]
	nobodys["portfolioAddressId"], nobodys["portfolioAddressAttributeId"] = strings.Repeat("e", 32), ours["portfolioAddressAttributeId"]
	// Dictionaries are for all of a tree: of these there is only what nobody has.
	for _, name := range []string{"addressTypeId", "businessCodeId", "industrySectorId", "invoicingEntityId", "jobTitleId", "paymentMethodId", "taxCodeId", "userTypeId",
		"invoicingEntityAttributeId"} {
		ours[name], nobodys[name] = "1", "1"
	}
	return ours, nobodys
}

// made creates something and returns its id.
func (w *world) made(as, path, body, member string) string {
	w.t.Helper()
	var m map[string]any
	w.call(as, http.MethodPost, path, body).into(w.t, &m)
	if n, ok := m[member].(float64); ok {
		return fmt.Sprint(int64(n))
	}
	return fmt.Sprint(m[member])
}

var named = regexp.MustCompile(`\{([^}]+)\}`)

// Every operation, asked by a caller of another portfolio, answers as for what
// does not exist: byte for byte, and nothing changes.
func TestAnotherPortfolioSeesNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	// A stranger who may do everything, in a portfolio beside.
	m, key := must2(w.Fleet.CreateServiceAccount(t.Context(), w.op, newOperator("B")))
	w.secrets["other"] = secret{id: m.Name, secret: key}
	var tok struct {
		AccessToken string `json:"access_token"`
	}
	w.token(m.Name, key, "").into(t, &tok)
	w.secrets["other"] = secret{m.Name, key, tok.AccessToken}
	ours, nobodys := w.things()
	before := must(w.Fleet.SIMs(t.Context(), w.op, all))
	events := len(must(w.Fleet.Events(t.Context(), w.op, everything)))
	for template, item := range contract().Paths.Map() {
		for method, op := range item.Operations() {
			path := func(with map[string]string) string {
				return named.ReplaceAllStringFunc(template, func(p string) string { return with[strings.Trim(p, "{}")] })
			}
			body := bodies[op.OperationID]
			theirs, none := w.call("other", method, path(ours), body), w.call("other", method, path(nobodys), body)
			for _, p := range named.FindAllStringSubmatch(template, -1) {
				id := regexp.MustCompile(`\b` + regexp.QuoteMeta(ours[p[1]]) + `\b`) // a short id may be part of a long one
				theirs.body = id.ReplaceAllString(theirs.body, nobodys[p[1]])
			}
			if strings.Contains(template, "{") && !shared(template) {
				hidden := theirs.status == http.StatusNotFound || theirs.code() == 6026 || linked(op) && theirs.status == http.StatusUnauthorized
				if !hidden || theirs.status != none.status || theirs.body != none.body {
					t.Errorf("%s %s: of A %d %s\nof nobody %d %s", method, template, theirs.status, theirs.body, none.status, none.body)
				}
			}
			for _, id := range []string{string(iccid("live")), w.secrets[engineer].id, "Portfolio A", "Auto"} {
				if template != "/package" && strings.Contains(theirs.body, id) {
					t.Errorf("%s %s shows %s", method, template, id)
				}
			}
		}
	}
	if after := must(w.Fleet.SIMs(t.Context(), w.op, all)); !same(before, after) {
		t.Error("something of A has changed")
	}
	if n := len(must(w.Fleet.Events(t.Context(), w.op, everything))); n > events+1 {
		t.Errorf("%d things happened", n-events)
	}
}

// shared reports whether a path leads to a dictionary, which all of a tree see.
func shared(template string) bool {
	return regexp.MustCompile(`^/\w+(Type|Code|Sector|Entity|Title|Method)/`).MatchString(template)
}

// linked reports whether an operation needs a link, and no token.
func linked(op *openapi3.Operation) bool { return op.Security != nil && len(*op.Security) == 0 }

// Nobody without the permission gets as far as the SIM, or the body.
func TestEveryOperationAsksForAPermission(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	reads := []string{"listSIMs", "countSIMs", "getSIM", "getContract", "getAssignment", "listAttributes", "getAttribute", "getBillingSnapshot", "getNetworkSnapshot", "listSMSActivity",
		"listUSSDActivity", "listVoiceActivity", "listAuthenticationActivity", "countAuthenticationActivity", "getNetflowActivity", "getLocation", "listCollections",
		"getCollection", "listCollected", "listPortfolios", "getPortfolio", "listPackages", "getPackage", "listPackageItems", "getPackageItem", "listPackagePortfolios",
		"listFiles", "getFile", "listJobs", "getJob", "listPortfolioAttributes", "getPortfolioAttribute", "listPackageAttributes", "getPackageAttribute",
		"listPackageItemAttributes", "getPackageItemAttribute",
		"listPortfolioAddresses", "getPortfolioAddress", "listPortfolioAddressAttributes", "getPortfolioAddressAttribute", "listInvoicingEntityAttributes",
		"listAddressTypes", "getAddressType", "listBusinessCodes", "getBusinessCode", "listIndustrySectors", "getIndustrySector", "listInvoicingEntities", "getInvoicingEntity",
		"listJobTitles", "getJobTitle", "listPaymentMethods", "getPaymentMethod", "listTaxCodes", "getTaxCode", "listUserTypes", "getUserType",
		"listPortals", "getPortal", "listPortalAttributes", "getPortalAttribute"}
	ours, _ := w.things()
	for template, item := range contract().Paths.Map() {
		for method, op := range item.Operations() {
			path := named.ReplaceAllStringFunc(template, func(p string) string { return ours[strings.Trim(p, "{}")] })
			w.call("", method, path, "nonsense").fails(t, 401, 0)
			if linked(op) {
				continue
			}
			a := w.call(viewer, method, path, "nonsense")
			if op.OperationID == "getInvoicingEntityAttribute" { // of which there is none
				a.fails(t, 404, 6002)
				continue
			}
			if slices.Contains(reads, op.OperationID) {
				if want := strings.HasPrefix(a.body, "["); !want || a.status != http.StatusOK {
					a.has(t, `{}`)
				}
			} else {
				a.fails(t, 403, 6001)
			}
		}
	}
}
