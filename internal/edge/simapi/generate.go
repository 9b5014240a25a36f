package simapi

//go:generate go tool oapi-codegen --config gen/config.yaml ../../../api/simapi.yaml
