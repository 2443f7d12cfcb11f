"""What a camera file is: readers, frame index, native frames."""

from mediadask.choices import OnCorrupt
from mediadask.clips.clip import Clip, ClipFacts, facts_of, recall
from mediadask.clips.discover import find_clips
from mediadask.clips.frame import BadFrame, ColorTags, Frame, PixelFormat
from mediadask.clips.header import AudioStream, ClipHeader, Tag
from mediadask.clips.index import FrameIndex
from mediadask.clips.reader import Reader
from mediadask.clips.storage import FileStamp

__all__ = [
    "AudioStream",
    "BadFrame",
    "Clip",
    "ClipFacts",
    "ClipHeader",
    "ColorTags",
    "FileStamp",
    "Frame",
    "FrameIndex",
    "OnCorrupt",
    "PixelFormat",
    "Reader",
    "Tag",
    "facts_of",
    "find_clips",
    "recall",
]
