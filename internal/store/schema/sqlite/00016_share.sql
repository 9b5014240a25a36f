-- +goose Up

-- The file has one writer, and nobody to share with.
SELECT 1;
