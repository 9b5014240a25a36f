package simapi_test

import (
	"maps"
	"slices"
	"strings"
)

// userInput is a body that makes a user: what is given, and whatever else it
// needs.
func userInput(given string) string {
	return complete(given, map[string]string{"password": `"correct horse"`, "firstName": `"Ada"`, "lastName": `"Lovelace"`, "emailAddress": `"ada@a.example"`,
		"mobileNumber": `"+447700900999"`, "userTypeId": "1"})
}

// portfolioInput is a body that makes a portfolio, likewise.
func portfolioInput(given string) string {
	return complete(given, map[string]string{"name": `"New"`, "title": `"new"`, "businessCodeId": "1", "taxCodeId": "1", "currencyId": `"GBP"`, "paymentMethodId": "3",
		"invoicingEntityId": "1", "billingDayOfMonth": "1"})
}

func complete(given string, defaults map[string]string) string {
	out := "{" + given
	for _, name := range slices.Sorted(maps.Keys(defaults)) {
		if !strings.Contains(given, `"`+name+`"`) {
			out += `,"` + name + `":` + defaults[name]
		}
	}
	return out + "}"
}
