package web

import (
	"crypto/rand"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// sessionTime is how long a login lasts.
const sessionTime = 12 * time.Hour

// mostSessions bounds those that are remembered; the oldest end first.
const mostSessions = 10_000

// cookieName is the cookie that carries a session.
const cookieName = "assay-session"

// A session is somebody who has logged in.
type session struct {
	name  string
	until time.Time
}

// sessions are by the token that their cookies hold. They end with the hub.
type sessions struct {
	mu  sync.Mutex
	all map[string]session
}

func (s *sessions) begin(name string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]session{}
	}
	oldest := ""
	for token, x := range s.all {
		if time.Now().After(x.until) {
			delete(s.all, token)
		} else if oldest == "" || x.until.Before(s.all[oldest].until) {
			oldest = token
		}
	}
	if len(s.all) >= mostSessions {
		delete(s.all, oldest)
	}
	token := rand.Text()
	s.all[token] = session{name, time.Now().Add(sessionTime)}
	return token
}

func (s *sessions) of(token string) (name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if x, ok := s.all[token]; ok && time.Now().Before(x.until) {
		return x.name
	}
	return ""
}

func (s *sessions) end(token string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.all, token)
}

// user is who has logged in, "" for nobody.
func (s *server) user(r *http.Request) string {
	c, err := r.Cookie(cookieName)
	if err != nil || s.People == nil {
		return ""
	}
	if name := s.sessions.of(c.Value); name != "" && s.People.Knows(name) {
		return name
	}
	return ""
}

// allowed reports whether a request may see the pages: it comes from somebody
// who has logged in, or to a hub that is open on loopback, under a name of
// loopback. A page elsewhere that makes its own name lead here is not served.
func (s *server) allowed(r *http.Request) bool {
	return s.Open && loopback(r.Host) || s.user(r) != ""
}

func loopback(host string) bool {
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	ip := net.ParseIP(strings.Trim(host, "[]"))
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// guard lets those in who may look, and takes nothing from pages of others.
func (s *server) guard(next http.Handler) http.Handler {
	free := func(path string) bool { return path == "/login" || strings.HasPrefix(path, "/assets/") }
	return http.NewCrossOriginProtection().Handler(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for k, v := range map[string]string{"X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store"} {
			w.Header().Set(k, v)
		}
		r.Body = http.MaxBytesReader(w, r.Body, 64<<10) // more than any form here holds
		switch {
		case free(r.URL.Path) || s.allowed(r):
			next.ServeHTTP(w, r)
		case r.Method == http.MethodGet && !strings.HasSuffix(r.URL.Path, "/events"):
			http.Redirect(w, r, "/login?to="+url.QueryEscape(r.URL.RequestURI()), http.StatusSeeOther)
		default:
			http.Error(w, "log in first", http.StatusUnauthorized)
		}
	}))
}

// within is where a login leads: a path of these pages, and no other place.
func within(to string) string {
	u, err := url.Parse(to)
	if err != nil || u.Scheme != "" || u.Host != "" || !strings.HasPrefix(to, "/") || strings.HasPrefix(to, "//") || strings.Contains(to, `\`) {
		return "/"
	}
	return to
}

type loginBody struct {
	To     string
	Failed bool
	Nobody bool // no person is known who could log in
}

func (s *server) loginPage(w http.ResponseWriter, r *http.Request) {
	s.show(w, r, http.StatusOK, "login", page{Title: "Log in", Body: loginBody{To: within(r.URL.Query().Get("to")), Nobody: s.People == nil}})
}

func (s *server) login(w http.ResponseWriter, r *http.Request) {
	to := within(r.PostFormValue("to"))
	name, ok := "", false
	if s.People != nil {
		name, ok = s.People.Login(strings.TrimSpace(r.PostFormValue("secret")))
	}
	if !ok {
		s.Log.Warn("refused a login to the pages", "from", r.RemoteAddr)
		s.show(w, r, http.StatusUnauthorized, "login", page{Title: "Log in", Body: loginBody{To: to, Failed: true, Nobody: s.People == nil}})
		return
	}
	s.Log.Info("login to the pages", "name", name, "from", r.RemoteAddr)
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: s.sessions.begin(name), Path: "/", MaxAge: int(sessionTime.Seconds()), HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, to, http.StatusSeeOther)
}

func (s *server) logout(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		s.sessions.end(c.Value)
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1, HttpOnly: true, Secure: r.TLS != nil, SameSite: http.SameSiteStrictMode})
	http.Redirect(w, r, "/login", http.StatusSeeOther)
}
