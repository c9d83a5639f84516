package app

import (
	"gatehouse/app/config"
	"gatehouse/app/jwtauth"
)

// openTokens tells the judge of signed tokens what a configuration says of them.
func (p *process) openTokens(cfg *config.Config) error {
	client, err := providerClient(cfg.Server)
	if err != nil {
		return err
	}
	p.tokens.Configure(cfg.General.JWT, jwtauth.Options{Client: client, People: p.services.Users, Now: p.now, Log: p.log})
	return nil
}
