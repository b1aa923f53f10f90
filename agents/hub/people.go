package hub

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"assay/agents"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"
)

// A Person may use the hub from elsewhere, as far as the role goes. The hub
// keeps the public half of the person's key and cannot make the secret of it.
type Person struct {
	Name string    `json:"name"`
	Role string    `json:"role"`
	Key  string    `json:"key"`
	At   time.Time `json:"at"`
}

// Roles of people, each of which may do what those after it may.
const (
	RoleAdmin    = "admin"
	RoleDispatch = "dispatch"
	RoleRead     = "read"
)

// Roles are the roles of people.
var Roles = []string{RoleAdmin, RoleDispatch, RoleRead}

// Requests about people.
const (
	reqPeople       = "people"        // → []Person
	reqAddPerson    = "add-person"    // Person → what the person logs in with
	reqRemovePerson = "remove-person" // name
)

// mayRead and mayDispatch are the requests of roles; an administrator may make
// all.
var (
	mayRead     = []string{reqFleet, reqListed, reqStatus, reqResult, reqSchedules}
	mayDispatch = []string{reqDispatch, reqCancel, reqSchedule, reqUnschedule}
)

// personMay lists what a person may say and hear.
func personMay(p Person) *server.Permissions {
	var allow []string
	add := func(requests []string) {
		for _, r := range requests {
			allow = append(allow, agents.AdminPrefix+r)
		}
	}
	switch p.Role {
	case RoleAdmin:
		add([]string{"*"})
	case RoleDispatch:
		add(mayDispatch)
		add(mayRead)
	default:
		add(mayRead)
	}
	if p.Role != RoleRead { // files of models travel by the object store, which keeps what is there
		const bucket = "OBJ_" + agents.Models
		allow = append(allow,
			"$JS.API.STREAM.INFO."+bucket, "$JS.API.STREAM.MSG.GET."+bucket, "$JS.API.DIRECT.GET."+bucket+".>", "$O."+agents.Models+".>",
		)
	}
	return &server.Permissions{
		Publish:   &server.SubjectPermission{Allow: allow},
		Subscribe: &server.SubjectPermission{Allow: []string{agents.PersonInbox(p.Name) + ".>", agents.Progress("*", "*")}},
	}
}

// addPerson lets somebody in and returns what the person logs in with. It is
// kept nowhere.
func (h *Hub) addPerson(ctx context.Context, p Person) (string, error) {
	if !agents.Word(p.Name) {
		return "", fmt.Errorf("person %.80q: want a name of letters, digits and dashes", p.Name)
	}
	if !slices.Contains(Roles, p.Role) {
		return "", fmt.Errorf("unknown role %.80q (have %s)", p.Role, strings.Join(Roles, ", "))
	}
	pair, err := nkeys.CreateUser()
	if err != nil {
		return "", err
	}
	seed, err := pair.Seed()
	if err != nil {
		return "", err
	}
	if p.Key, err = pair.PublicKey(); err != nil {
		return "", err
	}
	h.enrolling.Lock()
	defer h.enrolling.Unlock()
	h.mu.Lock()
	_, known := h.people[p.Name]
	h.mu.Unlock()
	if known {
		return "", fmt.Errorf("%s is known already: assay fleet user remove %s takes the secret and the role back", p.Name, p.Name)
	}
	p.At = time.Now()
	if err := h.put(ctx, h.persons, p.Name, p); err != nil {
		return "", fmt.Errorf("add %s: %w", p.Name, err)
	}
	h.mu.Lock()
	h.people[p.Name] = p
	h.mu.Unlock()
	h.log.Info("added a person", "name", p.Name, "role", p.Role)
	return agents.Pass{Hub: h.address, Name: p.Name, Seed: string(seed)}.String(), nil
}

// removePerson takes a person's secret back and cuts live connections.
func (h *Hub) removePerson(ctx context.Context, name string) error {
	h.enrolling.Lock()
	defer h.enrolling.Unlock()
	h.mu.Lock()
	p, ok := h.people[name]
	h.mu.Unlock()
	if !ok {
		return fmt.Errorf("nobody is called %.80q (have %s)", name, strings.Join(slices.Sorted(maps.Keys(h.peopleNow())), ", "))
	}
	if err := h.persons.Delete(ctx, name); err != nil {
		return fmt.Errorf("remove %s: %w", name, err)
	}
	h.mu.Lock()
	delete(h.people, name)
	h.mu.Unlock()
	h.log.Info("removed a person", "name", name, "role", p.Role)
	if err := h.disconnect(p.Key); err != nil {
		return fmt.Errorf("remove %s: the secret is taken back, live connections are not cut: %w", name, err)
	}
	return nil
}

func (h *Hub) peopleNow() map[string]Person {
	h.mu.Lock()
	defer h.mu.Unlock()
	return maps.Clone(h.people)
}

// listPeople returns the people by name.
func (h *Hub) listPeople() []Person {
	return append([]Person{}, slices.SortedFunc(maps.Values(h.peopleNow()), func(a, b Person) int { return strings.Compare(a.Name, b.Name) })...)
}

// person returns whose key this is.
func (h *Hub) person(key string) (Person, bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, p := range h.people {
		if p.Key == key {
			return p, true
		}
	}
	return Person{}, false
}

// Login returns the name of who holds a secret: what assay fleet user add
// printed.
func (h *Hub) Login(secret string) (name string, ok bool) {
	pass, err := agents.ParsePass(secret)
	if err != nil {
		return "", false
	}
	pair, err := nkeys.FromSeed([]byte(pass.Seed))
	if err != nil {
		return "", false
	}
	key, err := pair.PublicKey()
	if err != nil {
		return "", false
	}
	p, ok := h.person(key)
	return p.Name, ok
}

// Knows reports whether a person of this name may look.
func (h *Hub) Knows(name string) bool {
	_, ok := h.peopleNow()[name]
	return ok
}
