# docker build -t palier . ; see docs/clusters.md, "Containers".
FROM swift:6.1-bookworm AS build
COPY . /palier
RUN /palier/launch/container-setup build

FROM debian:12-slim
COPY --from=build /opt/palier /opt/palier
RUN /opt/palier/launch/container-setup run
ENTRYPOINT ["palier"]
