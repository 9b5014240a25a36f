-- +goose Up

-- Several count at once, each the reports of SIMs of its own.
ALTER TABLE journal ADD COLUMN share INT NOT NULL DEFAULT 0;
