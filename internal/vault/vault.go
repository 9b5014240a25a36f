// Package vault keeps secrets: it seals what must come back (subscriber keys,
// network passwords), tags what must only be found again (PIN and PUK codes),
// and hashes what must only be compared (passwords, tokens).
//
// Its key lies in a file of its own, never in the database.
package vault

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"hash"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"github.com/simurgh-iot/simurgh/internal/fault"
	"github.com/simurgh-iot/simurgh/internal/ident"
	"github.com/simurgh-iot/simurgh/internal/sim"
)

// Vault is safe for concurrent use.
type Vault struct {
	aead        cipher.AEAD
	tags        sync.Pool // of keyed hashes
	fingerprint []byte
}

// keySize is 256 bits, for AES-256.
const keySize = 32

// New makes a vault from a 32-byte key. Keys for each use are derived from it
// (HKDF, RFC 5869).
func New(key []byte) (*Vault, error) {
	if len(key) != keySize {
		return nil, fault.InvalidField("key", "has %d bytes; 32 are needed", len(key))
	}
	derive := func(use string) []byte {
		k, err := hkdf.Key(sha256.New, key, nil, "simurgh "+use, keySize)
		if err != nil {
			panic(err) // only lengths beyond 8160 bytes fail
		}
		return k
	}
	block, err := aes.NewCipher(derive("seal"))
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	tagKey := derive("tag")
	return &Vault{aead: aead, fingerprint: derive("fingerprint")[:16],
		tags: sync.Pool{New: func() any { return hmac.New(sha256.New, tagKey) }}}, nil
}

// Load reads the key file, 64 hexadecimal digits. A file that is missing is
// made with a fresh key, readable by its owner alone; made says so.
func Load(path string) (v *Vault, made bool, err error) {
	v, err = Read(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return v, false, err
	}
	if err := create(path); err != nil {
		return nil, false, err
	}
	v, err = Read(path)
	return v, true, err
}

// Read reads the key file as Load does, and makes none: one that is missing is a
// fault that is fs.ErrNotExist.
func Read(path string) (*Vault, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "vault.file", "the key file %s cannot be read", path).Because(err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil {
		return nil, fault.New(fault.Invalid, "vault.file", "the key file %s does not hold 64 hexadecimal digits", path)
	}
	return New(key)
}

// create writes a fresh key, whole or not at all. When another process was
// first, its key stays.
func create(path string) error {
	fail := func(err error) error {
		return fault.New(fault.Unavailable, "vault.file", "the key file %s cannot be made", path).Because(err)
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return fail(err)
	}
	key := make([]byte, keySize)
	_, _ = rand.Read(key) // crypto/rand.Read never fails
	tmp, err := os.CreateTemp(filepath.Dir(path), ".key-*")
	if err != nil {
		return fail(err)
	}
	defer os.Remove(tmp.Name())
	_, err = tmp.WriteString(hex.EncodeToString(key) + "\n")
	if err := errors.Join(err, tmp.Sync(), tmp.Close()); err != nil {
		return fail(err)
	}
	if err := os.Link(tmp.Name(), path); err != nil && !errors.Is(err, fs.ErrExist) {
		return fail(err)
	}
	return nil
}

// Fingerprint names the key without telling it, so that a database can say
// which key its secrets are sealed with.
func (v *Vault) Fingerprint() []byte { return bytes.Clone(v.fingerprint) }

// Seal encrypts plain, bound to a label: it opens only under the same one.
func (v *Vault) Seal(label string, plain []byte) []byte {
	nonce := make([]byte, v.aead.NonceSize(), v.aead.NonceSize()+len(plain)+v.aead.Overhead())
	_, _ = rand.Read(nonce)
	return v.aead.Seal(nonce, nonce, plain, []byte(label))
}

// Open decrypts what Seal returned.
func (v *Vault) Open(label string, sealed []byte) ([]byte, error) {
	n := v.aead.NonceSize()
	if len(sealed) < n {
		return nil, fault.New(fault.Internal, "vault.open", "a sealed secret is damaged")
	}
	plain, err := v.aead.Open(nil, sealed[:n], sealed[n:], []byte(label))
	if err != nil {
		return nil, fault.New(fault.Internal, "vault.open", "a sealed secret is damaged, or of another key").Because(err)
	}
	return plain, nil
}

// Tag returns a keyed hash of a code, by which it can be found and not read
// (HMAC-SHA-256, the first 128 bits).
func (v *Vault) Tag(name string, code ident.PIN) []byte {
	m := v.tags.Get().(hash.Hash) // keyed once, and used again: batches take millions
	defer v.tags.Put(m)
	m.Reset()
	m.Write([]byte(name + "\x00" + code.Reveal()))
	return m.Sum(nil)[:16]
}

// SealSecrets seals the secrets of one SIM. Nil when there are none.
func (v *Vault) SealSecrets(iccid ident.ICCID, s sim.Secrets) []byte {
	if s.IsZero() {
		return nil
	}
	plain := make([]byte, 0, 80)
	plain = append(plain, secretsVersion)
	plain = append(plain, s.K[:]...)
	plain = append(plain, s.OPc[:]...)
	for _, p := range []ident.PIN{s.PIN1, s.PUK1, s.PIN2, s.PUK2} {
		plain = append(plain, byte(len(p)))
		plain = append(plain, p.Reveal()...)
	}
	return v.Seal("sim "+string(iccid), plain)
}

const secretsVersion = 1

// OpenSecrets opens what SealSecrets returned.
func (v *Vault) OpenSecrets(iccid ident.ICCID, sealed []byte) (s sim.Secrets, err error) {
	if len(sealed) == 0 {
		return s, nil
	}
	plain, err := v.Open("sim "+string(iccid), sealed)
	if err != nil {
		return s, err
	}
	damaged := fault.New(fault.Internal, "vault.open", "the sealed secrets of SIM %s are damaged", iccid)
	if len(plain) < 33 || plain[0] != secretsVersion {
		return s, damaged
	}
	copy(s.K[:], plain[1:17])
	copy(s.OPc[:], plain[17:33])
	rest := plain[33:]
	for _, p := range []*ident.PIN{&s.PIN1, &s.PUK1, &s.PIN2, &s.PUK2} {
		if len(rest) == 0 || len(rest) < 1+int(rest[0]) {
			return sim.Secrets{}, damaged
		}
		*p, rest = ident.PIN(rest[1:1+rest[0]]), rest[1+rest[0]:]
	}
	return s, nil
}

// Tags returns the tags of the codes that s has.
func (v *Vault) Tags(s sim.Secrets) []sim.Tag {
	var out []sim.Tag
	for _, c := range []struct {
		name string
		code ident.PIN
	}{{"pin1", s.PIN1}, {"puk1", s.PUK1}, {"pin2", s.PIN2}, {"puk2", s.PUK2}} {
		if c.code != "" {
			out = append(out, sim.Tag{Code: c.name, Hash: v.Tag(c.name, c.code)})
		}
	}
	return out
}
