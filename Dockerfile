# SPDX-License-Identifier: Apache-2.0
# docker build --build-arg ROS_DISTRO=jazzy -t prv2_ros .
# docker run --rm --gpus all --network host --ipc host prv2_ros ros2 launch prv2_ros depth.launch.py image:=/camera/image_raw
ARG ROS_DISTRO=jazzy
FROM ros:${ROS_DISTRO}-ros-base

SHELL ["/bin/bash", "-c"]
RUN apt-get update \
    && apt-get install -y --no-install-recommends python3-numpy python3-venv ros-${ROS_DISTRO}-rmw-fastrtps-cpp \
    && rm -rf /var/lib/apt/lists/*

# torch comes from PyPI, into an environment that sees the distribution's rclpy. The distribution's messages are compiled
# against its numpy, so nothing may bring a newer one.
RUN python3 -m venv --system-site-packages /opt/prv2
ENV VIRTUAL_ENV=/opt/prv2 PATH=/opt/prv2/bin:$PATH
COPY requirements.txt /tmp/requirements.txt
RUN python3 -c 'import numpy; print(f"numpy=={numpy.__version__}")' > /tmp/constraints.txt \
    && pip install --no-cache-dir -c /tmp/constraints.txt -r /tmp/requirements.txt

WORKDIR /ws
COPY . src/prv2_ros
RUN source "/opt/ros/${ROS_DISTRO}/setup.bash" \
    && apt-get update \
    && rosdep install --from-paths src --ignore-src -y --rosdistro "${ROS_DISTRO}" \
    && colcon build --packages-select prv2_ros \
        --cmake-args -DBUILD_TESTING=OFF "-DPython3_EXECUTABLE=${VIRTUAL_ENV}/bin/python3" \
    && rm -rf /var/lib/apt/lists/* build log

RUN printf '#!/bin/bash\nset -e\nsource "/opt/ros/$ROS_DISTRO/setup.bash"\nsource /ws/install/setup.bash\nexec "$@"\n' \
        > /entrypoint && chmod +x /entrypoint
ENTRYPOINT ["/entrypoint"]
CMD ["ros2", "launch", "prv2_ros", "depth.launch.py"]
