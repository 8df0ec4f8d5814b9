package access

import (
	"context"
	"crypto/subtle"
	"encoding/base64"
	"fmt"
	"hash/fnv"
	"maps"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/crypto/argon2"
	"golang.org/x/crypto/bcrypt"

	"github.com/bellbuoy/bellbuoy/internal/store"
)

const (
	// maxCompared is how many passwords are compared at a time, each of which takes a
	// processor and perhaps much memory; compareWait is how long others wait for their turn.
	maxCompared = 2
	compareWait = 5 * time.Second

	maxPassword = 1024 // bytes
	maxUser     = 200
)

// Login logs a user of htpasswd in and returns the cookie of his session. The error is a
// [*Refusal], or that of ctx.
func (g *Guard) Login(ctx context.Context, user, password string) (*http.Cookie, Identity, error) {
	rules := g.rules.Load()
	if rules.htpasswd == nil {
		return nil, Identity{}, &Refusal{Status: http.StatusConflict, Detail: "nobody logs in with a password here: admin.users.htpasswd is not configured"}
	}
	a, _ := ctx.Value(askerKey{}).(asker)
	at := g.now()
	count, wait := g.failures.take(a.address, at)
	if wait > 0 {
		g.watch("password", "throttled")
		return nil, Identity{}, tooMany(wait)
	}
	hash, known := rules.htpasswd.Users[user]
	if !known {
		hash = decoy(rules.htpasswd.Users, user)
	}
	right, err := g.compare(ctx, hash, password)
	if err != nil {
		g.failures.give(a.address, at)
		g.watch("password", "unavailable")
		return nil, Identity{}, err
	}
	if !right || !known {
		g.watch("password", "wrong")
		if !known {
			user = ""
		}
		g.logFailure(ctx, a, "password", user, count)
		return nil, Identity{}, &Refusal{Status: http.StatusUnauthorized, Detail: "the name or the password is wrong"}
	}
	g.failures.give(a.address, at)
	cookie, err := g.begin(ctx, store.Session{Person: user, Way: "password", Proof: proof("password", hash)})
	if err != nil {
		return nil, Identity{}, g.unavailable(ctx, "password", err)
	}
	return cookie, Identity{Name: user, Role: rules.roleOfUser(user), Person: true}, nil
}

// decoy is the hash of somebody, the same for each user that there is not, so that these
// take as long as those that there are.
func decoy(users map[string]string, user string) string {
	if len(users) == 0 {
		return ""
	}
	h := fnv.New32a()
	_, _ = h.Write([]byte(user))
	names := slices.Sorted(maps.Keys(users))
	return users[names[int(h.Sum32()%uint32(len(names)))]]
}

// compare reports whether hash is that of password, when it is its turn.
func (g *Guard) compare(ctx context.Context, hash, password string) (bool, error) {
	if len(password) > maxPassword || hash == "" {
		return false, nil
	}
	turn := time.NewTimer(compareWait)
	defer turn.Stop()
	select {
	case g.comparing <- struct{}{}:
		defer func() { <-g.comparing }()
	case <-turn.C:
		return false, &Refusal{Status: http.StatusServiceUnavailable, Detail: "too many people log in at this moment: try again", Retry: compareWait}
	case <-ctx.Done():
		return false, ctx.Err()
	}
	if strings.HasPrefix(hash, "$argon2id$") {
		return argon(hash, password), nil
	}
	return bcrypt.CompareHashAndPassword([]byte(hash), []byte(password)) == nil, nil
}

// argon compares with a hash of Argon2id, which the configuration has checked.
func argon(hash, password string) bool {
	parts := strings.Split(hash, "$") // "", argon2id, v=19, m=..., salt, sum
	if len(parts) != 6 {
		return false
	}
	var memory, passes uint32
	var threads uint8
	if _, err := fmt.Sscanf(parts[3], "m=%d,t=%d,p=%d", &memory, &passes, &threads); err != nil || passes == 0 || threads == 0 {
		return false
	}
	salt, err := base64.RawStdEncoding.DecodeString(parts[4])
	if err != nil {
		return false
	}
	sum, err := base64.RawStdEncoding.DecodeString(parts[5])
	if err != nil || len(sum) == 0 {
		return false
	}
	got := argon2.IDKey([]byte(password), salt, passes, memory, threads, uint32(len(sum)))
	return subtle.ConstantTimeCompare(got, sum) == 1
}
