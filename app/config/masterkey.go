package config

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"gatehouse/models"
)

// MasterKeyFile is the name, in the data folder, of the master key that Gatehouse made itself.
const MasterKeyFile = "master.key"

// EnsureMasterKey gives the key kept in dataDir and makes one (32 random bytes, file mode 0600) when there is none yet, for
// a start without a master key in config.yaml or the environment. created says that it is new, so that the caller
// prints it this once. Two processes that start together get the same key. Errors: the folder cannot be used, the file
// is damaged or readable by others.
func EnsureMasterKey(dataDir string) (key models.Secret, created bool, err error) {
	if err := os.MkdirAll(dataDir, 0o700); err != nil {
		return models.Secret{}, false, fmt.Errorf("make the data folder: %w", err)
	}
	path := filepath.Join(dataDir, MasterKeyFile)
	key, err = readMasterKey(path)
	if !errors.Is(err, fs.ErrNotExist) {
		return key, false, err
	}
	var random [32]byte
	if _, err := rand.Read(random[:]); err != nil {
		return models.Secret{}, false, fmt.Errorf("make a master key: %w", err)
	}
	text := "sk-" + base64.RawURLEncoding.EncodeToString(random[:])
	// A whole file appears under its name at once, and never over one that is there: os.Link fails then.
	temp, err := os.CreateTemp(dataDir, MasterKeyFile+".new-*")
	if err != nil {
		return models.Secret{}, false, fmt.Errorf("keep the master key: %w", err)
	}
	defer func() { _ = os.Remove(temp.Name()) }()
	_, err = temp.WriteString(text + "\n")
	err = errors.Join(err, temp.Chmod(0o600), temp.Sync(), temp.Close())
	if err != nil {
		return models.Secret{}, false, fmt.Errorf("keep the master key: %w", err)
	}
	if err := os.Link(temp.Name(), path); errors.Is(err, fs.ErrExist) {
		key, err = readMasterKey(path)
		return key, false, err
	} else if err != nil {
		return models.Secret{}, false, fmt.Errorf("keep the master key: %w", err)
	}
	return models.NewSecret(text), true, nil
}

func readMasterKey(path string) (models.Secret, error) {
	info, err := os.Stat(path)
	if err != nil {
		return models.Secret{}, fmt.Errorf("read the master key: %w", err)
	}
	if info.Mode().Perm()&0o077 != 0 {
		return models.Secret{}, fmt.Errorf("%s can be read by others: set its mode to 0600, and replace the key if anyone may have seen it", path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return models.Secret{}, fmt.Errorf("read the master key: %w", err)
	}
	text := strings.TrimSpace(string(data))
	if !strings.HasPrefix(text, "sk-") || len(text) < 16 {
		return models.Secret{}, fmt.Errorf("%s does not hold a master key: restore it, or delete it to have a new one made", path)
	}
	return models.NewSecret(text), nil
}
