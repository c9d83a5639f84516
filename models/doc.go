// Package models holds the rows of every table and the words they are made of: money, times, roles, scopes, secrets.
// Plain structs with GORM tags; nothing here does I/O, and GORM itself is imported by models/store alone.
package models
