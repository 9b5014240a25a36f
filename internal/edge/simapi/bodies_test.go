package simapi_test

import "strings"

// userInput is a body that makes a user: what is given, and whatever else it
// needs.
func userInput(given string) string {
	return complete(given, map[string]string{"password": `"correct horse"`, "firstName": `"Ada"`, "lastName": `"Lovelace"`, "emailAddress": `"ada@a.example"`,
		"mobileNumber": `"+447700900999"`, "userTypeId": "1"})
}

func complete(given string, defaults map[string]string) string {
	out := "{" + given
	for name, value := range defaults {
		if !strings.Contains(given, `"`+name+`"`) {
			out += `,"` + name + `":` + value
		}
	}
	return out + "}"
}
