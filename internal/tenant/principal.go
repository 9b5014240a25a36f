package tenant

import (
	"strings"
	"time"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
)

// Kind tells principals apart by the door they come through.
type Kind string

// The kinds of principal.
const (
	User           Kind = "user"    // a person: the portal, Tigrillo
	ServiceAccount Kind = "service" // a program: SIM API v2
	APIUser        Kind = "api"     // a program: the Terminal API
	System         Kind = "system"  // Simurgh itself, and the operator's command line
)

// Principal is who acts. All kinds share one permission model.
type Principal struct {
	ID        string // 32 hexadecimal digits; empty for System
	Kind      Kind
	Name      string // user name, client id, or the part of Simurgh that acts
	Portfolio ident.PortfolioID
	Sphere    Sphere
	May       Permissions
}

// Operator returns the principal of the command line and of Simurgh's own
// loops: everything, everywhere. The name says which of them acts.
func Operator(name string) Principal {
	return Principal{Kind: System, Name: name, Sphere: Everything(), May: ^Permissions(0)}
}

// Actor is how audit rows and operations name the principal.
func (p *Principal) Actor() string { return string(p.Kind) + ":" + p.Name }

// Offers is the sphere whose packages p sees. Who sets up the packages of a whole
// tree goes on seeing one that is offered nowhere in it any more: nobody else is
// there to offer it again, or to delete it.
func (p *Principal) Offers() Sphere {
	if _, top := p.Sphere.Root(); top && p.May.Has(PackageWrite) {
		return p.Sphere.WithLapsed()
	}
	return p.Sphere
}

// Needs returns a Forbidden fault unless p has the permission.
func (p *Principal) Needs(need Permission) error {
	if p.May.Has(need) {
		return nil
	}
	return fault.New(fault.Forbidden, "permission."+need.String(), "%s %s lacks the permission %s", p.Kind, p.Name, need)
}

// Account is a stored principal, with what signing in needs.
type Account struct {
	Principal
	Roles     string // letters for users, role names for programs
	Type      int64  // a user type of the tree's own, which names the roles; 0 for none
	Hash      string // of the password or the secret
	Disabled  bool
	Suspended Suspensions // its own
	Above     bool        // its portfolio, or one above, is suspended; it is read, never stored
	ExpiresAt time.Time   // zero for never
	CreatedAt time.Time
}

// Session is a signed-in caller. Only a hash of its id is stored.
type Session struct {
	Hash      []byte
	Principal string // id
	Portfolio ident.PortfolioID
	CreatedAt time.Time
	ExpiresAt time.Time
}

// Permission is one right. The names follow the field's <object><verb> scheme.
type Permission uint8

// The permissions. Append only: roles are stored by name, but the numbers are
// compared.
const (
	SIMGet Permission = iota
	SIMUpdate
	SIMActivate
	SIMTerminate
	SIMClose
	SIMSuspend
	SIMAdminSuspend
	SIMImport
	SIMSecretGet
	SIMAssignGet
	SIMAssign
	AttributeGet
	AttributeCreate
	AttributeUpdate
	AttributeDelete
	SnapshotGet
	BillingGet
	ActivityGet
	Control
	CollectionGet
	CollectionWrite
	JobGet
	JobCreate
	PortfolioGet
	PortfolioWrite
	PackageGet
	PackageWrite
	UserGet
	UserWrite
	TaskDecide
	NetworkWrite
	AuditGet
	FileGet
	FileCreate
	permissions
)

var permissionNames = [permissions]string{
	"iccGet", "iccUpdate", "iccActivate", "iccTerminate", "iccClose", "iccSuspend", "iccAdminSuspend", "iccImport",
	"iccSecretGet", "iccPortfolioPackageGet", "iccPortfolioPackageUpdate", "iccAttributeGet", "iccAttributeCreate",
	"iccAttributeUpdate", "iccAttributeDelete", "iccSnapshotGet", "iccBillingGet", "iccActivityGet", "iccControl",
	"iccCollectionGet", "iccCollectionUpdate", "jobGet", "jobCreate", "portfolioGet", "portfolioUpdate", "packageGet",
	"packageUpdate", "userGet", "userUpdate", "taskApprover", "networkUpdate", "auditGet",
	"fileGet", "fileCreate",
}

// String returns the permission's name, such as "iccGet".
func (p Permission) String() string {
	if p < permissions {
		return permissionNames[p]
	}
	return "unknown"
}

// Permissions is a set of permissions.
type Permissions uint64

// Has reports whether p is in the set.
func (s Permissions) Has(p Permission) bool { return s&(1<<p) != 0 }

func set(list ...Permission) Permissions {
	var s Permissions
	for _, p := range list {
		s |= 1 << p
	}
	return s
}

var (
	view    = set(SIMGet, SIMAssignGet, AttributeGet, SnapshotGet, ActivityGet, CollectionGet, JobGet, FileGet, PortfolioGet, PackageGet)
	finance = view | set(BillingGet)
	work    = view | set(SIMUpdate, SIMSuspend, AttributeCreate, AttributeUpdate, AttributeDelete, Control, CollectionWrite, BillingGet)
	engine  = work | set(SIMActivate, SIMTerminate, SIMClose, SIMAssign, JobCreate, FileCreate)
	admin   = engine | set(UserGet, UserWrite, AuditGet, SIMSecretGet)
)

// roles maps each role to its rights. Users carry letters, as the Tigrillo
// contract shows them; programs carry names.
var roles = map[string]Permissions{
	"A": admin,   // admin
	"E": engine,  // engineering
	"F": finance, // finance
	"L": view,    // logistics
	"T": work,    // technical
	"U": finance, // standard user

	"admin": admin, "engineer": engine, "support": work, "finance": finance, "viewer": view,
	"operator": ^Permissions(0),
}

// RoleLetters are the roles that users may hold, in the order they are shown.
const RoleLetters = "AEFLTU"

// ParseLetters checks a user's roles such as "AEF" and returns their rights.
// Each letter may stand once, in any order.
func ParseLetters(s string) (Permissions, error) {
	var out Permissions
	for i, r := range s {
		if !strings.ContainsRune(RoleLetters, r) {
			return 0, fault.InvalidField("roles", "has %q; the letters are A admin, E engineering, F finance, L logistics, T technical, U standard user", string(r))
		}
		if strings.ContainsRune(s[:i], r) {
			return 0, fault.InvalidField("roles", "has %q twice", string(r))
		}
		out |= roles[string(r)]
	}
	if out == 0 {
		return 0, fault.InvalidField("roles", "is empty; at least one of AEFLTU is needed")
	}
	return out, nil
}

// ParseRole returns the rights of a program's role.
func ParseRole(name string) (Permissions, error) {
	if p, ok := roles[name]; ok && len(name) > 1 {
		return p, nil
	}
	return 0, fault.InvalidField("role", "%q is not one of admin, engineer, support, finance, viewer, operator", name)
}

// Rights returns the rights of stored roles: letters, or one role name. What
// it does not know gives nothing.
func Rights(stored string) Permissions {
	if p, err := ParseRole(stored); err == nil {
		return p
	}
	p, _ := ParseLetters(stored)
	return p
}
