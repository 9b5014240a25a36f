package simapi

import (
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/simurgh-iot/simurgh/api"
	"github.com/simurgh-iot/simurgh/internal/tenant"
)

// contract is the document, and what of it the server looks up.
type contract struct {
	json   []byte
	routes map[string]*route // by the pattern of the generated mux
	byName map[string]*route // by operationId
}

// route is one operation.
type route struct {
	name    string   // operationId
	params  []string // of the path, by segment; "" for those that are none
	pattern string
	may     []tenant.Permission // any of them lets a caller in; the use cases ask for more
	query   map[string]*openapi3.Schema
	body    *openapi3.Schema // nil for none
	must    bool             // the body is required
	writes  bool
	outside bool // it asks a network, and is no part of a transaction
}

// theContract is the contract, read once. It is part of the program: a fault in it is a
// bug.
var theContract = sync.OnceValue(func() *contract {
	doc, err := openapi3.NewLoader().LoadFromData(api.SIMAPI)
	if err != nil {
		panic(err)
	}
	c := &contract{routes: map[string]*route{}, byName: map[string]*route{}}
	if c.json, err = doc.MarshalJSON(); err != nil {
		panic(err)
	}
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			rt := newRoute(method, path, op)
			c.routes[rt.pattern], c.byName[rt.name] = rt, rt
		}
	}
	return c
})

func newRoute(method, path string, op *openapi3.Operation) *route {
	rt := &route{name: op.OperationID, pattern: method + " " + path, may: needs[op.OperationID], query: map[string]*openapi3.Schema{},
		writes: method != http.MethodGet, outside: slices.Contains(op.Tags, "Control")}
	for segment := range strings.SplitSeq(path, "/") {
		name, found := strings.CutPrefix(segment, "{")
		if !found {
			name = ""
		}
		rt.params = append(rt.params, strings.TrimSuffix(name, "}"))
	}
	for _, p := range op.Parameters {
		if p.Value.In == openapi3.ParameterInQuery {
			rt.query[p.Value.Name] = p.Value.Schema.Value
		}
	}
	if op.RequestBody != nil {
		if content := op.RequestBody.Value.Content.Get("application/json"); content != nil { // else it is a file
			rt.body, rt.must = content.Schema.Value, op.RequestBody.Value.Required
		}
	}
	return rt
}

// bind gives a request that the mux has found the route for the parameters of
// its path.
func (rt *route) bind(r *http.Request) {
	i := 0
	for value := range strings.SplitSeq(r.URL.Path, "/") {
		if rt.params[i] != "" {
			r.SetPathValue(rt.params[i], value)
		}
		i++
	}
}

// needs says what lets a caller in, by operation. The use cases ask again, and
// for more where a request does more.
var needs = map[string][]tenant.Permission{
	"listSIMs":   {tenant.SIMGet},
	"countSIMs":  {tenant.SIMGet},
	"countStock": {tenant.SIMImport},
	"getSIM":     {tenant.SIMGet},
	"changeSIM": {tenant.SIMUpdate, tenant.SIMActivate, tenant.SIMTerminate, tenant.SIMSuspend, tenant.SIMAdminSuspend,
		tenant.SIMAssign},
	"swapSIM": {tenant.SIMAssign},

	"getContract":            {tenant.SIMAssignGet},
	"getAssignment":          {tenant.SIMAssignGet},
	"changeAssignment":       {tenant.SIMAssign},
	"changeAssignmentRecord": {tenant.SIMAssign},

	"listAttributes":   {tenant.AttributeGet},
	"createAttributes": {tenant.AttributeCreate},
	"getAttribute":     {tenant.AttributeGet},
	"changeAttribute":  {tenant.AttributeUpdate},
	"deleteAttribute":  {tenant.AttributeDelete},

	"listPortfolioAttributes":     {tenant.PortfolioGet},
	"createPortfolioAttributes":   {tenant.PortfolioWrite},
	"getPortfolioAttribute":       {tenant.PortfolioGet},
	"changePortfolioAttribute":    {tenant.PortfolioWrite},
	"deletePortfolioAttribute":    {tenant.PortfolioWrite},
	"listUserAttributes":          {tenant.UserGet},
	"createUserAttributes":        {tenant.UserWrite},
	"getUserAttribute":            {tenant.UserGet},
	"changeUserAttribute":         {tenant.UserWrite},
	"deleteUserAttribute":         {tenant.UserWrite},
	"listPackageAttributes":       {tenant.PackageGet},
	"createPackageAttributes":     {tenant.PackageWrite},
	"getPackageAttribute":         {tenant.PackageGet},
	"changePackageAttribute":      {tenant.PackageWrite},
	"deletePackageAttribute":      {tenant.PackageWrite},
	"listPackageItemAttributes":   {tenant.PackageGet},
	"createPackageItemAttributes": {tenant.PackageWrite},
	"getPackageItemAttribute":     {tenant.PackageGet},
	"changePackageItemAttribute":  {tenant.PackageWrite},
	"deletePackageItemAttribute":  {tenant.PackageWrite},

	"listPortals":            {tenant.PortfolioGet},
	"createPortal":           {tenant.PortfolioWrite},
	"getPortal":              {tenant.PortfolioGet},
	"changePortal":           {tenant.PortfolioWrite},
	"listPortalAttributes":   {tenant.PortfolioGet},
	"createPortalAttributes": {tenant.PortfolioWrite},
	"getPortalAttribute":     {tenant.PortfolioGet},
	"changePortalAttribute":  {tenant.PortfolioWrite},
	"deletePortalAttribute":  {tenant.PortfolioWrite},

	"listAddressTypes":                 {tenant.PortfolioGet},
	"createAddressType":                {tenant.PortfolioWrite},
	"getAddressType":                   {tenant.PortfolioGet},
	"changeAddressType":                {tenant.PortfolioWrite},
	"listBusinessCodes":                {tenant.PortfolioGet},
	"createBusinessCode":               {tenant.PortfolioWrite},
	"getBusinessCode":                  {tenant.PortfolioGet},
	"changeBusinessCode":               {tenant.PortfolioWrite},
	"listIndustrySectors":              {tenant.PortfolioGet},
	"createIndustrySector":             {tenant.PortfolioWrite},
	"getIndustrySector":                {tenant.PortfolioGet},
	"changeIndustrySector":             {tenant.PortfolioWrite},
	"listInvoicingEntities":            {tenant.PortfolioGet},
	"createInvoicingEntity":            {tenant.PortfolioWrite},
	"getInvoicingEntity":               {tenant.PortfolioGet},
	"changeInvoicingEntity":            {tenant.PortfolioWrite},
	"listJobTitles":                    {tenant.PortfolioGet},
	"createJobTitle":                   {tenant.PortfolioWrite},
	"getJobTitle":                      {tenant.PortfolioGet},
	"changeJobTitle":                   {tenant.PortfolioWrite},
	"listPaymentMethods":               {tenant.PortfolioGet},
	"createPaymentMethod":              {tenant.PortfolioWrite},
	"getPaymentMethod":                 {tenant.PortfolioGet},
	"changePaymentMethod":              {tenant.PortfolioWrite},
	"listTaxCodes":                     {tenant.PortfolioGet},
	"createTaxCode":                    {tenant.PortfolioWrite},
	"getTaxCode":                       {tenant.PortfolioGet},
	"changeTaxCode":                    {tenant.PortfolioWrite},
	"listUserTypes":                    {tenant.PortfolioGet},
	"createUserType":                   {tenant.PortfolioWrite},
	"getUserType":                      {tenant.PortfolioGet},
	"changeUserType":                   {tenant.PortfolioWrite},
	"listPortfolioAddressAttributes":   {tenant.PortfolioGet},
	"createPortfolioAddressAttributes": {tenant.PortfolioWrite},
	"getPortfolioAddressAttribute":     {tenant.PortfolioGet},
	"changePortfolioAddressAttribute":  {tenant.PortfolioWrite},
	"deletePortfolioAddressAttribute":  {tenant.PortfolioWrite},
	"listInvoicingEntityAttributes":    {tenant.PortfolioGet},
	"createInvoicingEntityAttributes":  {tenant.PortfolioWrite},
	"getInvoicingEntityAttribute":      {tenant.PortfolioGet},
	"changeInvoicingEntityAttribute":   {tenant.PortfolioWrite},
	"deleteInvoicingEntityAttribute":   {tenant.PortfolioWrite},
	"listPortfolioAddresses":           {tenant.PortfolioGet},
	"createPortfolioAddress":           {tenant.PortfolioWrite},
	"getPortfolioAddress":              {tenant.PortfolioGet},
	"changePortfolioAddress":           {tenant.PortfolioWrite},

	"getBillingSnapshot":          {tenant.SnapshotGet},
	"getNetworkSnapshot":          {tenant.SnapshotGet},
	"listBillingActivity":         {tenant.BillingGet},
	"getBillingTotal":             {tenant.BillingGet},
	"listSMSActivity":             {tenant.ActivityGet},
	"listUSSDActivity":            {tenant.ActivityGet},
	"listVoiceActivity":           {tenant.ActivityGet},
	"listAuthenticationActivity":  {tenant.ActivityGet},
	"countAuthenticationActivity": {tenant.ActivityGet},
	"getNetflowActivity":          {tenant.ActivityGet},
	"getLocation":                 {tenant.ActivityGet},

	"requestDisconnect":     {tenant.Control},
	"requestCancelLocation": {tenant.Control},
	"requestPing":           {tenant.Control},
	"requestWget":           {tenant.Control},
	"requestSMS":            {tenant.Control},
	"requestOTA":            {tenant.NetworkWrite},

	"listCollections":     {tenant.CollectionGet},
	"createCollection":    {tenant.CollectionWrite},
	"getCollection":       {tenant.CollectionGet},
	"changeCollection":    {tenant.CollectionWrite},
	"listCollected":       {tenant.CollectionGet},
	"addCollected":        {tenant.CollectionWrite},
	"replaceCollected":    {tenant.CollectionWrite},
	"removeCollected":     {tenant.CollectionWrite},
	"reconcileCollection": {tenant.CollectionWrite},

	"listFiles":       {tenant.FileGet},
	"createFile":      {tenant.FileCreate},
	"getFile":         {tenant.FileGet},
	"uploadFile":      {tenant.FileCreate},
	"deleteFile":      {tenant.FileCreate},
	"downloadContent": {tenant.FileGet},
	"uploadContent":   {tenant.FileCreate},
	"listJobs":        {tenant.JobGet},
	"createJob":       {tenant.JobCreate},
	"getJob":          {tenant.JobGet},
	"changeJob":       {tenant.JobCreate},
	"retryJob":        {tenant.JobCreate},

	"listPortfolios":  {tenant.PortfolioGet},
	"createPortfolio": {tenant.PortfolioWrite},
	"getPortfolio":    {tenant.PortfolioGet},
	"changePortfolio": {tenant.PortfolioWrite},

	"listUsers":            {tenant.UserGet},
	"createUser":           {tenant.UserWrite},
	"getUser":              {tenant.UserGet},
	"changeUser":           {tenant.UserWrite},
	"listUserPermissions":  {tenant.UserGet},
	"addUserPermission":    {tenant.UserWrite},
	"changeUserPermission": {tenant.UserWrite},
	"listServiceAccounts":  {tenant.UserGet},
	"createServiceAccount": {tenant.UserWrite},
	"getServiceAccount":    {tenant.UserGet},
	"changeServiceAccount": {tenant.UserWrite},
	"deleteServiceAccount": {tenant.UserWrite},
	"listTokens":           {tenant.UserGet},
	"deleteTokens":         {tenant.UserWrite},
	"deleteToken":          {tenant.UserWrite},

	"listPackages":           {tenant.PackageGet},
	"createPackage":          {tenant.PackageWrite},
	"getPackage":             {tenant.PackageGet},
	"changePackage":          {tenant.PackageWrite},
	"deletePackage":          {tenant.PackageWrite},
	"listPackageItems":       {tenant.PackageGet},
	"createPackageItem":      {tenant.PackageWrite},
	"getPackageItem":         {tenant.PackageGet},
	"changePackageItem":      {tenant.PackageWrite},
	"deletePackageItem":      {tenant.PackageWrite},
	"listPackagePortfolios":  {tenant.PackageGet},
	"createPackagePortfolio": {tenant.PackageWrite},
	"changePackagePortfolio": {tenant.PackageWrite, tenant.SIMAssign},
}
