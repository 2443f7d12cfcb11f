from .job import Job as Job
from .job import Jobs as Jobs
from .job import Progress as Progress
from .pool import Pool as Pool
