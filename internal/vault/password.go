package vault

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base32"
	"encoding/base64"
	"fmt"
	"runtime"
	"strings"

	"golang.org/x/crypto/argon2"
	"golang.org/x/sync/semaphore"

	"github.com/simurgh-iot/simurgh/internal/fault"
)

// Cost of a password hash (argon2id, RFC 9106): 19 MiB and two passes, about
// 30 ms of one core.
const (
	argonMemory  = 19 * 1024
	argonPasses  = 2
	argonThreads = 1
	argonSize    = 32
)

// hashing bounds how many passwords are hashed at once, so that a storm of
// sign-ins takes neither all memory nor all cores.
var hashing = semaphore.NewWeighted(int64(max(1, runtime.GOMAXPROCS(0)/2)))

// HashPassword returns the hash of a password that a person chose, in PHC form.
func HashPassword(ctx context.Context, password string) (string, error) {
	salt := make([]byte, 16)
	_, _ = rand.Read(salt)
	sum, err := argon(ctx, password, salt, argonMemory, argonPasses)
	if err != nil {
		return "", err
	}
	enc := base64.RawStdEncoding
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s", argon2.Version, argonMemory, argonPasses, argonThreads,
		enc.EncodeToString(salt), enc.EncodeToString(sum)), nil
}

func argon(ctx context.Context, password string, salt []byte, memory, passes uint32) ([]byte, error) {
	if err := hashing.Acquire(ctx, 1); err != nil {
		return nil, fault.New(fault.Unavailable, "vault.busy", "too many sign-ins at once; try again").Because(err)
	}
	defer hashing.Release(1)
	return argon2.IDKey([]byte(password), salt, passes, memory, argonThreads, argonSize), nil
}

// CheckPassword reports whether the password has this hash. An empty hash
// belongs to nobody: it costs the same time and never fits, so that a caller
// cannot tell by the clock whether a name is known.
func CheckPassword(ctx context.Context, hash, password string) (bool, error) {
	var version int
	var memory, passes, threads uint32
	parts := strings.Split(hash, "$")
	if len(parts) != 6 {
		_, err := argon(ctx, password, make([]byte, 16), argonMemory, argonPasses)
		return false, err
	}
	if _, err := fmt.Sscanf(parts[2]+" "+parts[3], "v=%d m=%d,t=%d,p=%d", &version, &memory, &passes, &threads); err != nil {
		return false, fault.New(fault.Internal, "vault.hash", "a stored password hash is damaged").Because(err)
	}
	enc := base64.RawStdEncoding
	salt, err1 := enc.DecodeString(parts[4])
	want, err2 := enc.DecodeString(parts[5])
	if err1 != nil || err2 != nil || len(want) != argonSize || memory > 1<<20 || passes > 64 {
		return false, fault.New(fault.Internal, "vault.hash", "a stored password hash is damaged")
	}
	sum, err := argon(ctx, password, salt, memory, passes)
	return err == nil && subtle.ConstantTimeCompare(sum, want) == 1, err
}

// NewToken returns 26 lower-case letters and digits: 130 random bits. The form
// is that of a session id as the Tigrillo contract shows it.
func NewToken() string {
	b := make([]byte, 17)
	_, _ = rand.Read(b)
	return strings.ToLower(base32.StdEncoding.EncodeToString(b))[:26]
}

// HashToken returns what is stored of a token. Tokens are random, so one round
// of SHA-256 is enough.
func HashToken(token string) []byte {
	sum := sha256.Sum256([]byte(token))
	return sum[:]
}
