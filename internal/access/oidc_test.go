package access

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"maps"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/bellbuoy/bellbuoy/config"
)

// idp is an identity provider that signs with a real key. What it says can be changed.
type idp struct {
	*httptest.Server
	t   *testing.T
	key *rsa.PrivateKey

	mu     sync.Mutex
	dead   bool
	codes  map[string]url.Values // what was asked for with each code
	claims func(claims map[string]any)
	sign   func(header, claims map[string]any) string // in the place of RS256
	asked  int                                        // how often it described itself
}

func newIDP(t *testing.T) *idp {
	t.Helper()
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p := &idp{t: t, key: key, codes: map[string]url.Values{}, claims: func(map[string]any) {}}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.describe)
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, map[string]any{"keys": []any{map[string]any{
			"kty": "RSA", "kid": "k1", "use": "sig", "alg": "RS256",
			"n": base64.RawURLEncoding.EncodeToString(key.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(key.E)).Bytes()),
		}}})
	})
	mux.HandleFunc("GET /authorize", p.authorize)
	mux.HandleFunc("POST /token", p.token)
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v)
}

func (p *idp) describe(w http.ResponseWriter, _ *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.asked++; p.dead {
		http.Error(w, "down", http.StatusServiceUnavailable)
		return
	}
	answer(w, map[string]any{
		"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/keys",
		"response_types_supported": []string{"code"}, "subject_types_supported": []string{"public"},
		// It says that it would sign with what nobody should believe.
		"id_token_signing_alg_values_supported": []string{"RS256", "HS256", "none"},
	})
}

func (p *idp) authorize(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	code := newSecret()
	p.mu.Lock()
	p.codes[code] = q
	p.mu.Unlock()
	back := url.Values{"state": {q.Get("state")}, "code": {code}, "iss": {p.URL}}
	http.Redirect(w, r, q.Get("redirect_uri")+"?"+back.Encode(), http.StatusFound)
}

func (p *idp) token(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	defer p.mu.Unlock()
	q, ok := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	user, secret, _ := r.BasicAuth()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if !ok || user != "bellbuoy" || secret != "canary-client-secret" || r.PostFormValue("redirect_uri") != q.Get("redirect_uri") ||
		q.Get("code_challenge_method") != "S256" || q.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(sum[:]) {
		w.WriteHeader(http.StatusBadRequest)
		answer(w, map[string]string{"error": "invalid_grant", "canary": "canary-of-the-reply"})
		return
	}
	claims := map[string]any{
		"iss": p.URL, "aud": "bellbuoy", "sub": "u-1", "exp": q.Get("now"), "nonce": q.Get("nonce"),
		"preferred_username": "dora", "groups": []string{"ops", "/team", "*"},
	}
	p.claims(claims)
	header := map[string]any{"alg": "RS256", "kid": "k1"}
	sign := p.sign
	if sign == nil {
		sign = p.rs256
	}
	answer(w, map[string]any{"access_token": "canary-access-token", "token_type": "Bearer", "id_token": sign(header, claims)})
}

func part(v any) string {
	b, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(b)
}

func (p *idp) rs256(header, claims map[string]any) string {
	text := part(header) + "." + part(claims)
	sum := sha256.Sum256([]byte(text))
	sig, err := rsa.SignPKCS1v15(rand.Reader, p.key, crypto.SHA256, sum[:])
	if err != nil {
		p.t.Error(err)
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// says has the provider say these claims too, and others no more.
func (p *idp) says(w *world, more map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.claims = func(claims map[string]any) {
		claims["exp"] = w.now().Add(time.Minute).Unix()
		maps.Copy(claims, more)
		maps.DeleteFunc(claims, func(_ string, v any) bool { return v == nil })
	}
}

func withOIDC(t *testing.T) (*world, *idp) {
	t.Helper()
	w, p := newWorld(t), newIDP(t)
	w.admin.Users = config.Users{OIDC: &config.OIDC{
		Issuer: p.URL, ClientID: "bellbuoy", ClientSecret: secretOf("canary-client-secret"), Scopes: []string{"profile"},
		GroupsClaim: "groups", Roles: config.Groups{"editor": {"ops"}, "admin": {"root"}},
	}}
	w.admin.Listen = "0.0.0.0:5081"
	w.Use(w.admin)
	p.says(w, nil)
	return w, p
}

// browser goes to the provider and back; between changes what it comes back with.
func (w *world) browser(next string, between func(back *url.URL, cookies []*http.Cookie) []*http.Cookie) *httptest.ResponseRecorder {
	w.Helper()
	rec := w.ask("GET", "/auth/oidc?next="+url.QueryEscape(next))
	cookies := rec.Result().Cookies()
	if rec.Code != 303 || len(cookies) != 1 || cookies[0].SameSite != http.SameSiteLaxMode || !cookies[0].HttpOnly || cookies[0].MaxAge > 600 {
		w.Fatalf("start: got %d, %v: %s", rec.Code, cookies, rec.Body)
	}
	client := http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	resp, err := client.Get(rec.Header().Get("Location"))
	if err != nil {
		w.Fatal(err)
	}
	defer resp.Body.Close()
	defer client.CloseIdleConnections()
	back, err := resp.Location()
	if err != nil {
		w.Fatal(err)
	}
	if back.Host != "bb.example.com:5081" || back.Path != config.CallbackPath {
		w.Fatalf("the provider sends people to %s", back)
	}
	if between != nil {
		cookies = between(back, cookies)
	}
	changes := []change{with("Sec-Fetch-Site", "cross-site"), with("Sec-Fetch-Mode", "navigate"), with("Sec-Fetch-Dest", "document")}
	for _, c := range cookies {
		changes = append(changes, by(c))
	}
	return w.ask("GET", back.RequestURI(), changes...)
}

// session is the cookie that rec sets, nil where it sets none.
func session(rec *httptest.ResponseRecorder) *http.Cookie {
	for _, c := range rec.Result().Cookies() {
		if c.Name == cookieName && c.MaxAge > 0 {
			return c
		}
	}
	return nil
}

func TestOIDC(t *testing.T) {
	w, p := withOIDC(t)
	rec := w.browser("/events?x=1", nil)
	c := session(rec)
	if rec.Code != 200 || c == nil || c.SameSite != http.SameSiteStrictMode {
		t.Fatalf("got %d, %v: %s", rec.Code, c, rec.Body)
	}
	if body := rec.Body.String(); !strings.Contains(body, `<meta http-equiv="refresh" content="0;url=/events?x=1">`) || strings.Contains(body, "<script") {
		t.Errorf("the page is %s", body)
	}
	w.is("dora is editor [ops /team] []", by(c)) // "*" is no group that anybody can be in

	// Today's configuration counts.
	w.admin.Users.OIDC.Roles = config.Groups{"viewer": {"/team"}}
	w.Use(w.admin)
	w.is("dora is viewer [ops /team] []", by(c))
	w.admin.Users.OIDC.Roles = config.Groups{"viewer": {"others"}}
	w.Use(w.admin)
	w.isNobody(by(c))
	w.admin.Users.OIDC.Roles = config.Groups{"viewer": {"*"}}
	w.Use(w.admin)
	w.is("dora is viewer [ops /team] []", by(c))
	w.admin.Users.OIDC.ClientID = "another"
	w.Use(w.admin)
	w.isNobody(by(c))

	// The name.
	w.admin.Users.OIDC.ClientID = "bellbuoy"
	w.Use(w.admin)
	for want, claims := range map[string]map[string]any{
		"d@example.com is": {"preferred_username": nil, "email": "d@example.com", "email_verified": true},
		"u-1 is":           {"preferred_username": nil, "email": "d@example.com"},
		"鲍勃 is":            {"preferred_username": "鲍勃"},
	} {
		p.says(w, claims)
		c := session(w.browser("/", nil))
		if c == nil {
			t.Errorf("%s: no login", want)
			continue
		}
		if got := w.ask("GET", "/", by(c)).Body.String(); !strings.HasPrefix(got, want) {
			t.Errorf("got %s, want %s", got, want)
		}
	}
	p.says(w, map[string]any{"groups": "ops"})
	w.is("dora is viewer [ops] []", by(session(w.browser("/", nil))))
}

func TestOIDCRefuses(t *testing.T) {
	w, p := withOIDC(t)
	other := newIDP(t)
	pub, err := x509.MarshalPKIXPublicKey(&p.key.PublicKey)
	if err != nil {
		t.Fatal(err)
	}
	asPEM := pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub})
	type signer = func(header, claims map[string]any) string
	hs := func(key []byte) signer {
		return func(header, claims map[string]any) string {
			header["alg"] = "HS256"
			text := part(header) + "." + part(claims)
			mac := hmac.New(sha256.New, key)
			mac.Write([]byte(text))
			return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
		}
	}
	param := func(name, value string) func(*url.URL, []*http.Cookie) []*http.Cookie {
		return func(back *url.URL, c []*http.Cookie) []*http.Cookie {
			q := back.Query()
			q.Set(name, value)
			back.RawQuery = q.Encode()
			return c
		}
	}
	past := w.now().Add(-time.Hour).Unix()
	for name, c := range map[string]struct {
		claims  map[string]any
		sign    signer
		between func(*url.URL, []*http.Cookie) []*http.Cookie
		status  int
	}{
		"another nonce":                   {claims: map[string]any{"nonce": newSecret()}},
		"no nonce":                        {claims: map[string]any{"nonce": nil}},
		"another audience":                {claims: map[string]any{"aud": "another"}},
		"given to another client":         {claims: map[string]any{"aud": []string{"bellbuoy", "another"}, "azp": "another"}},
		"another issuer":                  {claims: map[string]any{"iss": other.URL}},
		"its issuer with a slash":         {claims: map[string]any{"iss": p.URL + "/"}},
		"expired":                         {claims: map[string]any{"exp": past}},
		"no signature":                    {sign: func(h, c map[string]any) string { h["alg"] = "none"; return part(h) + "." + part(c) + "." }},
		"signed with what is public":      {sign: hs(asPEM)},
		"signed with the client's secret": {sign: hs([]byte("canary-client-secret"))},
		"signed by another":               {sign: other.rs256},
		"changed": {sign: func(h, c map[string]any) string {
			s := strings.Split(p.rs256(h, c), ".")
			c["preferred_username"] = "root"
			return s[0] + "." + part(c) + "." + s[2]
		}},
		"no ID token":             {sign: func(map[string]any, map[string]any) string { return "" }},
		"a name of several lines": {claims: map[string]any{"preferred_username": "a\nb"}},
		"another state":           {between: param("state", newSecret())},
		"no state":                {between: param("state", "")},
		"another code":            {between: param("code", "x")},
		"sent by another":         {between: param("iss", other.URL)},
		"refused there":           {between: param("error", "access_denied")},
		"two states": {between: func(back *url.URL, c []*http.Cookie) []*http.Cookie {
			back.RawQuery += "&state=x"
			return c
		}},
		"no cookie": {between: func(*url.URL, []*http.Cookie) []*http.Cookie { return nil }},
		"the cookie of another login": {between: func(*url.URL, []*http.Cookie) []*http.Cookie {
			return w.ask("GET", "/auth/oidc").Result().Cookies()
		}},
		"named as a token":      {claims: map[string]any{"preferred_username": "ops"}, status: 403},
		"in none of the groups": {claims: map[string]any{"groups": []string{"others"}}, status: 403},
		"no groups":             {claims: map[string]any{"groups": nil}, status: 403},
		"groups of numbers":     {claims: map[string]any{"groups": []int{1}}, status: 403},
	} {
		t.Run(name, func(t *testing.T) {
			if c.status == 0 {
				c.status = 401
			}
			w.pass(failureWindow) // else the address is made to wait
			p.says(w, c.claims)
			p.mu.Lock()
			p.sign = c.sign
			p.mu.Unlock()
			rec := w.browser("/", c.between)
			if rec.Code != c.status || session(rec) != nil {
				t.Errorf("got %d, %v: %s", rec.Code, rec.Result().Cookies(), rec.Body)
			}
			if c.status == 403 && !strings.Contains(rec.Body.String(), "Ask whoever runs") {
				t.Errorf("the page does not say what to ask for: %s", rec.Body)
			}
			if strings.Contains(rec.Body.String(), "canary") {
				t.Errorf("the page has a secret: %s", rec.Body)
			}
		})
	}
	if strings.Contains(w.log.String(), "canary") {
		t.Errorf("a secret is logged:\n%s", &w.log)
	}
	p.mu.Lock()
	p.sign = nil
	p.mu.Unlock()
	p.says(w, nil)
	w.pass(failureWindow)

	// A code serves once, and so does the cookie of the login.
	var again *url.URL
	var cookies []*http.Cookie
	rec := w.browser("/", func(back *url.URL, c []*http.Cookie) []*http.Cookie { again, cookies = back, c; return c })
	if rec.Code != 200 {
		t.Fatalf("got %d", rec.Code)
	}
	w.pass(failureWindow)
	for i := range maxFailures + 1 {
		want := 401
		if i == maxFailures {
			want = 429
		}
		if rec := w.ask("GET", again.RequestURI(), by(cookies[0])); rec.Code != want {
			t.Errorf("again, the %d. time: got %d", i+1, rec.Code)
		}
	}
}

// Where the provider is dead, all else goes on, and when it comes back people log in.
func TestOIDCDead(t *testing.T) {
	w, p := withOIDC(t)
	p.mu.Lock()
	p.dead = true
	p.mu.Unlock()
	w.Use(w.admin)
	for range 3 {
		if rec := w.ask("GET", "/auth/oidc"); rec.Code != 502 || !strings.Contains(rec.Body.String(), "does not answer") {
			t.Errorf("got %d %s", rec.Code, rec.Body)
		}
	}
	w.is("ops is admin [] []", bearer(opsSecret))
	p.mu.Lock()
	if p.asked != 1 {
		t.Errorf("it was asked %d times in a moment", p.asked)
	}
	p.dead = false
	p.mu.Unlock()
	w.pass(providerRest)
	if rec := w.browser("/", nil); rec.Code != 200 {
		t.Errorf("got %d %s", rec.Code, rec.Body)
	}
}

// A provider that names itself otherwise is not the one that was configured.
func TestOIDCIssuer(t *testing.T) {
	w, p := withOIDC(t)
	w.admin.Users.OIDC.Issuer = p.URL + "/"
	w.Use(w.admin)
	if rec := w.ask("GET", "/auth/oidc"); rec.Code != 502 {
		t.Errorf("got %d", rec.Code)
	}
	w.admin.Users.OIDC = nil
	w.Use(w.admin)
	for _, path := range []string{"/auth/oidc", config.CallbackPath + "?state=x&code=y"} {
		if rec := w.ask("GET", path); rec.Code != 404 {
			t.Errorf("%s without a provider: got %d", path, rec.Code)
		}
	}
}
