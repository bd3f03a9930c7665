"""Creates topics of two partitions with kafka-python and prints the topics it then sees, sorted."""

import sys

from kafka.admin import KafkaAdminClient, NewTopic

admin = KafkaAdminClient(bootstrap_servers=sys.argv[1])
admin.create_topics([NewTopic(name, 2, 1) for name in sys.argv[2:]])
for name in sorted(admin.list_topics()):
    print(name)
admin.close()
