package vault_test

import (
	"bytes"
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
	"github.com/simurgh-iot/simurgh/internal/vault"
)

func open(t testing.TB, fill byte) *vault.Vault {
	t.Helper()
	v, err := vault.New(bytes.Repeat([]byte{fill}, 32))
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func secrets(t testing.TB) sim.Secrets {
	t.Helper()
	k, err1 := ident.ParseKey("ki", "465b5ce8b199b49faa5f0a2ee238a6bc")
	o, err2 := ident.ParseKey("opc", "cd63cb71954a9f4e48a5994e37a02baf")
	if err1 != nil || err2 != nil {
		t.Fatal(err1, err2)
	}
	return sim.Secrets{K: k, OPc: o, PIN1: "1234", PUK1: "12345678", PUK2: "87654321"}
}

func TestSecretsComeBackUnderTheirOwnLabelAndKeyOnly(t *testing.T) {
	t.Parallel()
	v, want := open(t, 1), secrets(t)
	sealed := v.SealSecrets("8944538599000000017", want)
	if got, err := v.OpenSecrets("8944538599000000017", sealed); err != nil || got != want {
		t.Fatalf("OpenSecrets = %v, %v", got, err)
	}
	if _, err := v.OpenSecrets("8944538599000000025", sealed); err == nil {
		t.Error("another SIM's secrets opened")
	}
	if _, err := open(t, 2).OpenSecrets("8944538599000000017", sealed); err == nil {
		t.Error("another key opened")
	}
	for i := range sealed {
		bad := bytes.Clone(sealed)
		bad[i] ^= 1
		if _, err := v.OpenSecrets("8944538599000000017", bad); err == nil {
			t.Fatalf("byte %d may be changed", i)
		}
	}
	for _, short := range [][]byte{{1}, sealed[:12], sealed[:20]} {
		if _, err := v.OpenSecrets("8944538599000000017", short); fault.KindOf(err) != fault.Internal {
			t.Errorf("%d bytes opened", len(short))
		}
	}
	if bytes.Contains(sealed, want.K[:]) || bytes.Contains(sealed, []byte("12345678")) {
		t.Error("a secret stands in the clear")
	}
	if bytes.Equal(sealed, v.SealSecrets("8944538599000000017", want)) {
		t.Error("sealing twice gives the same")
	}
	if v.SealSecrets("8944538599000000017", sim.Secrets{}) != nil {
		t.Error("nothing was sealed")
	}
}

func TestTags(t *testing.T) {
	t.Parallel()
	v := open(t, 1)
	tags := v.Tags(secrets(t))
	if len(tags) != 3 || tags[0].Code != "pin1" || tags[2].Code != "puk2" {
		t.Fatalf("tags %v", tags)
	}
	if !bytes.Equal(tags[0].Hash, v.Tag("pin1", "1234")) || bytes.Equal(v.Tag("pin1", "1234"), v.Tag("pin2", "1234")) ||
		bytes.Equal(v.Tag("pin1", "1234"), open(t, 2).Tag("pin1", "1234")) {
		t.Error("tags")
	}
}

func TestLoadMakesOneKeyForAll(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "deep", "secret.key")
	var wg sync.WaitGroup
	prints := make([]string, 16)
	for i := range prints {
		wg.Go(func() {
			v, _, err := vault.Load(path)
			if err != nil {
				t.Error(err)
				return
			}
			prints[i] = string(v.Fingerprint())
		})
	}
	wg.Wait()
	for _, p := range prints {
		if p != prints[0] {
			t.Fatal("two keys were made")
		}
	}
	info, err := os.Stat(path)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	left, _ := os.ReadDir(filepath.Dir(path))
	if len(left) != 1 {
		t.Errorf("left behind: %v", left)
	}
	if err := os.WriteFile(path, []byte("not a key"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, _, err := vault.Load(path); err == nil || !strings.Contains(err.Error(), "64 hexadecimal digits") {
		t.Errorf("Load = %v", err)
	}
}

func TestPasswords(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	hash, err := vault.HashPassword(ctx, "s3cretpw")
	if err != nil || strings.Contains(hash, "s3cretpw") || !strings.HasPrefix(hash, "$argon2id$") {
		t.Fatalf("hash %q, %v", hash, err)
	}
	for password, want := range map[string]bool{"s3cretpw": true, "s3cretpW": false, "": false} {
		if ok, err := vault.CheckPassword(ctx, hash, password); ok != want || err != nil {
			t.Errorf("CheckPassword(%q) = %v, %v", password, ok, err)
		}
	}
	if ok, err := vault.CheckPassword(ctx, "", "anything"); ok || err != nil {
		t.Errorf("nobody's hash: %v, %v", ok, err)
	}
	if _, err := vault.CheckPassword(ctx, "$argon2id$v=19$m=99999999,t=2,p=1$AAAA$AAAA", "x"); fault.KindOf(err) != fault.Internal {
		t.Errorf("damaged hash: %v", err)
	}
}

func TestTokens(t *testing.T) {
	t.Parallel()
	a, b := vault.NewToken(), vault.NewToken()
	if a == b || len(a) != 26 || strings.Trim(a, "abcdefghijklmnopqrstuvwxyz234567") != "" {
		t.Errorf("tokens %q %q", a, b)
	}
	if len(vault.HashToken(a)) != 32 {
		t.Error("hash")
	}
}

func BenchmarkSealSecrets(b *testing.B) {
	v, s := open(b, 1), secrets(b)
	for b.Loop() {
		v.SealSecrets("8944538599000000017", s)
	}
}
